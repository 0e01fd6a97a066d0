//! Roles (§5.1): what an occupant may do now.

/// From least to most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[allow(missing_docs)]
pub enum Role {
    None,
    Visitor,
    Participant,
    Moderator,
}

impl Role {
    /// The value of the attribute `role`.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::None => "none",
            Role::Visitor => "visitor",
            Role::Participant => "participant",
            Role::Moderator => "moderator",
        }
    }

    /// Reads the attribute.
    pub fn parse(text: &str) -> Option<Role> {
        [Role::None, Role::Visitor, Role::Participant, Role::Moderator].into_iter().find(|role| role.as_str() == text)
    }
}
