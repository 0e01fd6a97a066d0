//! §7.2.9, rooms that are full.

use conclave_xmpp::{BareJid, Field, FieldKind, FormError, Nick};

use crate::affiliation::Affiliation;
use crate::config::{ConfigField, number_of};
use crate::features::join;
use crate::refusal::Refusal;
use crate::request::Service;
use crate::room::Open;

const VAR: &str = "muc#roomconfig_maxusers";
const CHOICES: [u32; 6] = [10, 20, 50, 100, 500, 1000];

pub(crate) const FIELD: ConfigField = ConfigField {
    var: VAR,
    show: |config| {
        let value = if config.max_users == 0 { "none".to_owned() } else { config.max_users.to_string() };
        let field = Field::new(FieldKind::ListSingle, VAR, &value).label("How many may be in the room");
        let mut numbers: Vec<u32> = CHOICES.to_vec();
        if config.max_users != 0 && !numbers.contains(&config.max_users) {
            numbers.push(config.max_users);
        }
        let field = numbers.iter().fold(field, |field, number| field.option(&number.to_string(), &number.to_string()));
        field.option("As many as the service allows", "none")
    },
    set: |config, field, service| {
        config.max_users = match field.value()? {
            "none" | "" => 0,
            _ => number_of(field, service.occupants_max)
                .map_err(|_| FormError::new(VAR, format!("takes \"none\" or a whole number up to {}", service.occupants_max)))?,
        };
        Ok(())
    },
};

/// Admins and owners always find a place, and a further session of an occupant takes none.
pub(crate) fn check(open: &Open, jid: &BareJid, nick: &Nick, service: &Service) -> Result<(), Refusal> {
    let shares = open.occupants.get(nick).is_some_and(|occupant| occupant.jid == *jid);
    if shares || open.affiliation(jid) >= Affiliation::Admin {
        return Ok(());
    }
    let max = match open.config.max_users {
        0 => service.occupants_max,
        max => max.min(service.occupants_max),
    };
    if open.occupants.size() >= max as usize {
        return Err(join::full("§7.2.9: the room is full; try again when somebody has left"));
    }
    Ok(())
}
