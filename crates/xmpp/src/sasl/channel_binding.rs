//! What ties a login to the TLS connection it travels on (RFC 5929, RFC 9266).

/// The one type of channel binding that is spoken: it exists on every TLS 1.3 connection, and a thief of the
/// certificate's key cannot forge it (RFC 9266 §1).
pub const TLS_EXPORTER: &str = "tls-exporter";

/// What a TLS connection that is up offers for binding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChannelBinding {
    /// 32 bytes exported with the label `EXPORTER-Channel-Binding` and an empty context, on TLS 1.3 only (RFC 9266 §2).
    TlsExporter(Vec<u8>),
    /// Nothing: TLS 1.2, where the exporter is only sound with extensions that cannot be asked for here.
    Missing,
}

impl ChannelBinding {
    /// Of a connection whose exporter gave this, if it may be used.
    pub fn from_exporter(exported: Option<Vec<u8>>) -> ChannelBinding {
        exported.map_or(ChannelBinding::Missing, ChannelBinding::TlsExporter)
    }

    /// The exported bytes.
    pub fn exported(&self) -> Option<&[u8]> {
        match self {
            ChannelBinding::TlsExporter(exported) => Some(exported),
            ChannelBinding::Missing => None,
        }
    }
}
