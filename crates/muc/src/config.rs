//! A room's configuration (§10.2, §16.5.3), and the fields of its form in form order.

use conclave_xmpp::{DataForm, Field, FieldKind, FormError, FormKind, ns};

use crate::features::{capacity, configure, history, members_only, password, presence, private_message, register, subject};
use crate::request::Service;
use crate::role::Role;

/// Everything that an owner can choose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomConfig {
    /// A name for people.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// The language of the talk.
    pub lang: String,
    /// Whether it is listed (§6.3).
    pub public: bool,
    /// Whether it outlives its last occupant.
    pub persistent: bool,
    /// Whether only affiliates may enter.
    pub members_only: bool,
    /// Whether newcomers have no voice.
    pub moderated: bool,
    /// The password, if one is needed.
    pub secret: Option<String>,
    /// Whether everybody sees real JIDs, not only moderators.
    pub non_anonymous: bool,
    /// Whether participants may change the subject.
    pub change_subject: bool,
    /// Whether members may invite into a members-only room.
    pub allow_invites: bool,
    /// Who may send private messages.
    pub allow_pm: AllowPm,
    /// Whose presence is shown.
    pub presence_broadcast: PresenceBroadcast,
    /// Who may read the list of members.
    pub member_list: Vec<Role>,
    /// Occupants, at most; 0 stands for as many as the service allows.
    pub max_users: u32,
    /// Messages that are kept for newcomers.
    pub history_length: u32,
    /// Messages that a newcomer is shown if it does not say.
    pub default_history: u32,
    /// Whether the archive keeps what is said.
    pub archiving: bool,
    /// Whether somebody with a reserved nick must use it.
    pub enforce_nick: bool,
}

/// §16.5.3 `muc#roomconfig_allowpm`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AllowPm {
    /// Every occupant.
    Anyone,
    /// Those with voice.
    Participants,
    /// Moderators.
    Moderators,
    /// Owners, admins and members.
    Affiliated,
    /// Nobody.
    Nobody,
}

/// §16.5.3 `muc#roomconfig_presencebroadcast`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PresenceBroadcast {
    /// Moderators are shown.
    pub moderator: bool,
    /// Participants are shown.
    pub participant: bool,
    /// Visitors are shown.
    pub visitor: bool,
    /// Affiliates who are not in the room are shown, as unavailable.
    pub none: bool,
}

impl PresenceBroadcast {
    /// Whether those of a role are shown.
    pub fn shows(&self, role: Role) -> bool {
        match role {
            Role::Moderator => self.moderator,
            Role::Participant => self.participant,
            Role::Visitor => self.visitor,
            Role::None => self.none,
        }
    }
}

/// Messages that a room keeps unless its owner says otherwise.
const HISTORY_DEFAULT: u32 = 20;

impl Default for RoomConfig {
    fn default() -> RoomConfig {
        RoomConfig {
            name: String::new(),
            description: String::new(),
            lang: String::new(),
            public: false,
            persistent: false,
            members_only: false,
            moderated: false,
            secret: None,
            non_anonymous: false,
            change_subject: false,
            allow_invites: false,
            allow_pm: AllowPm::Anyone,
            presence_broadcast: PresenceBroadcast { moderator: true, participant: true, visitor: true, none: false },
            member_list: vec![Role::Moderator],
            max_users: 0,
            history_length: HISTORY_DEFAULT,
            default_history: HISTORY_DEFAULT,
            archiving: true,
            enforce_nick: false,
        }
    }
}

/// One field of the form: how it is shown, and what a submitted value does.
pub struct ConfigField {
    /// Its name.
    pub var: &'static str,
    /// The field with the present value.
    pub show: fn(&RoomConfig) -> Field,
    /// Takes a submitted value, or says what is allowed.
    pub set: fn(&mut RoomConfig, &Field, &Service) -> Result<(), FormError>,
}

/// All fields, in the order of the form.
pub const FIELDS: &[ConfigField] = &[
    configure::NAME,
    configure::DESCRIPTION,
    configure::LANG,
    configure::PERSISTENT,
    configure::PUBLIC,
    members_only::FIELD,
    members_only::ALLOW_INVITES,
    members_only::MEMBER_LIST,
    password::PROTECTED,
    password::SECRET,
    capacity::FIELD,
    configure::MODERATED,
    presence::WHOIS,
    presence::BROADCAST,
    private_message::FIELD,
    subject::FIELD,
    history::LENGTH,
    history::DEFAULT,
    configure::ARCHIVING,
    configure::LOGGING,
    register::ENFORCE,
];

/// Other names of fields, which are taken and never shown: a form that came back with both could not say which one was meant.
const ALIASES: &[ConfigField] = &[members_only::ALLOW_MEMBER_INVITES];

impl RoomConfig {
    /// As a room is that nobody has configured.
    pub(crate) fn at_creation(service: &Service) -> RoomConfig {
        let kept = HISTORY_DEFAULT.min(service.history_max);
        RoomConfig { history_length: kept, default_history: kept, ..RoomConfig::default() }
    }

    /// The form for the owner (§10.2).
    pub fn form(&self) -> DataForm {
        let mut form = DataForm::new(FormKind::Form, ns::MUC_ROOMCONFIG);
        form.title = Some("Configuration of this room".to_owned());
        form.instructions = Some("Fields that you leave out of your answer keep their value.".to_owned());
        form.fields = FIELDS.iter().map(|field| (field.show)(self)).collect();
        form
    }

    /// This configuration with what a submission changes. Fields that it does not hold keep their value; one that nobody knows is an error, since
    /// its sender believes that it did something.
    pub fn with(&self, form: &DataForm, service: &Service) -> Result<RoomConfig, FormError> {
        let mut config = self.clone();
        for submitted in &form.fields {
            let field = FIELDS
                .iter()
                .chain(ALIASES)
                .find(|field| field.var == submitted.var)
                .ok_or_else(|| FormError::new(&submitted.var, "is no field of this form"))?;
            // What comes back as it was shown is no wish, and may be more than the service allows by now.
            if (field.show)(self).values != submitted.values {
                (field.set)(&mut config, submitted, service)?;
            }
        }
        password::settle(self, &mut config, form)?;
        Ok(config)
    }
}

/// How a field that is yes or no is shown.
pub(crate) fn show_boolean(var: &'static str, label: &str, value: bool) -> Field {
    Field::new(FieldKind::Boolean, var, if value { "1" } else { "0" }).label(label)
}

/// A text of a bounded length.
pub(crate) fn text_of(field: &Field, chars_max: usize) -> Result<String, FormError> {
    let text = field.value()?;
    if text.chars().count() > chars_max {
        return Err(FormError::new(&field.var, format!("takes at most {chars_max} characters")));
    }
    Ok(text.to_owned())
}

/// A number of messages or people.
pub(crate) fn number_of(field: &Field, max: u32) -> Result<u32, FormError> {
    let allowed = || FormError::new(&field.var, format!("takes a whole number from 0 to {max}"));
    let number: u32 = field.value()?.parse().map_err(|_| allowed())?;
    if number > max { Err(allowed()) } else { Ok(number) }
}

/// The choice of a list.
pub(crate) fn unknown_choice(field: &Field, allowed: &str) -> FormError {
    FormError::new(&field.var, format!("takes one of: {allowed}"))
}
