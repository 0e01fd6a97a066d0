//! The token by which a node joins: one line that holds everything which makes it a node of this cluster. Whoever has it is that node, so it
//! travels as passwords do; the first directory that uses it is the only one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::error::{IdentityError, JoinError};
use super::identity::{self, NodeRecord, StoredIdentity};

/// The version of the token.
const FORMAT: u32 = 1;

/// A token is some 2 KiB; nobody has so many peers that it would be more than this.
const BYTES_MAX: usize = 256 * 1024;

/// What makes a directory a node of a cluster. Its [`fmt::Display`] is the token itself, a secret; its [`fmt::Debug`] is none.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub(super) format: u32,
    pub(super) cluster: String,
    pub(super) node: u32,
    pub(super) address: String,
    pub(super) peers: BTreeMap<u32, String>,
    pub(super) ca: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Token {
    pub(super) fn new(identity: StoredIdentity, address: String) -> Token {
        let StoredIdentity { record, ca, certificate, key } = identity;
        let NodeRecord { cluster, node, peers, .. } = record;
        Token { format: FORMAT, cluster, node, address, peers, ca, certificate, key }
    }

    /// Which node it makes.
    pub fn node(&self) -> u32 {
        self.node
    }

    /// Where the others will look for it, `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What was printed when the node was invited.
    pub fn parse(text: &str) -> Result<Token, JoinError> {
        let text = text.trim();
        if text.len() > BYTES_MAX {
            return Err(JoinError::Token(format!("it has {} bytes, and none has more than {BYTES_MAX}", text.len())));
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|cause| JoinError::Token(cause.to_string()))?;
        let token: Token = serde_json::from_slice(&bytes).map_err(|cause| JoinError::Token(cause.to_string()))?;
        if token.format != FORMAT {
            let text = format!("it has format {}, and this version of the program knows {FORMAT}", token.format);
            return Err(JoinError::Token(text));
        }
        Ok(token)
    }

    fn identity(self) -> StoredIdentity {
        let Token { cluster, node, address, peers, ca, certificate, key, .. } = self;
        StoredIdentity { record: NodeRecord::new(cluster, node, Some(address), peers), ca, certificate, key }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is nobody's business.
        f.debug_struct("Token").field("cluster", &self.cluster).field("node", &self.node).finish_non_exhaustive()
    }
}

/// Makes an empty directory that of the invited node, which joins when it is started.
///
/// # Errors
/// The token cannot be read, or the directory is a node's already.
pub fn join(dir: &Path, token: &str) -> Result<Token, JoinError> {
    let token = Token::parse(token)?;
    identity::store(dir, &token.clone().identity(), None).map_err(|cause: IdentityError| JoinError::Identity(cause))?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        let text = |text: &str| text.to_owned();
        let record = NodeRecord::new(text("c"), 2, None, BTreeMap::from([(1, text("10.0.0.1:7000"))]));
        let identity = StoredIdentity { record, ca: text("ca"), certificate: text("cert"), key: text("key") };
        Token::new(identity, text("10.0.0.2:7000"))
    }

    #[test]
    fn a_token_makes_one_directory_a_node_and_no_other_node_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let text = token().to_string();
        join(dir.path(), &format!(" {text}\n")).unwrap();
        let stored = identity::load(dir.path()).unwrap().unwrap();
        assert_eq!(stored, token().identity());
        let again = join(dir.path(), &text).unwrap_err();
        assert!(matches!(again, JoinError::Identity(IdentityError::Taken(_))), "{again}");
    }

    #[test]
    fn what_is_no_token_is_said_to_be_none() {
        let dir = tempfile::tempdir().unwrap();
        let whole = token().to_string();
        for text in ["", "hello", "!", &whole[..whole.len() / 2]] {
            assert!(matches!(join(dir.path(), text), Err(JoinError::Token(_))), "{text}");
        }
        let newer = Token { format: 2, ..token() }.to_string();
        let said = join(dir.path(), &newer).unwrap_err().to_string();
        assert!(said.contains("format 2"), "{said}");
        assert!(identity::load(dir.path()).unwrap().is_none());
    }
}
