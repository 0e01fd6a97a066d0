//! Every namespace, once.

use std::borrow::Cow;

macro_rules! namespaces {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $value;)*

        /// The namespace as a string that costs nothing to copy, when it is one we know.
        pub fn intern(namespace: &str) -> Cow<'static, str> {
            match namespace {
                $($value => Cow::Borrowed($value),)*
                other => Cow::Owned(other.to_owned()),
            }
        }
    };
}

namespaces! {
    /// RFC 6120 §4.8.2: content of client-to-server streams.
    CLIENT = "jabber:client";
    /// RFC 6120 §4.8.1: the stream itself.
    STREAM = "http://etherx.jabber.org/streams";
    /// RFC 6120 §4.9.2: stream error conditions.
    STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams";
    /// RFC 6120 §8.3.2: stanza error conditions.
    STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas";
    /// RFC 6120 §5.4: STARTTLS.
    TLS = "urn:ietf:params:xml:ns:xmpp-tls";
    /// RFC 6120 §6.4: SASL.
    SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
    /// XEP-0440: channel-binding types.
    SASL_CHANNEL_BINDING = "urn:xmpp:sasl-cb:0";
    /// RFC 6120 §7: resource binding.
    BIND = "urn:ietf:params:xml:ns:xmpp-bind";
    /// RFC 3921 session; never advertised, always answered.
    SESSION = "urn:ietf:params:xml:ns:xmpp-session";
    /// Namespaces in XML: the `xml` prefix.
    XML = "http://www.w3.org/XML/1998/namespace";
    /// Namespaces in XML: the `xmlns` prefix.
    XMLNS = "http://www.w3.org/2000/xmlns/";
    /// XEP-0004 data forms.
    DATA = "jabber:x:data";
    /// XEP-0030 discovery of what an entity is.
    DISCO_INFO = "http://jabber.org/protocol/disco#info";
    /// XEP-0030 discovery of what an entity has.
    DISCO_ITEMS = "http://jabber.org/protocol/disco#items";
    /// XEP-0045 joining.
    MUC = "http://jabber.org/protocol/muc";
    /// XEP-0045 what a room says to its users.
    MUC_USER = "http://jabber.org/protocol/muc#user";
    /// XEP-0045 roles and affiliations.
    MUC_ADMIN = "http://jabber.org/protocol/muc#admin";
    /// XEP-0045 configuration and destruction.
    MUC_OWNER = "http://jabber.org/protocol/muc#owner";
    /// XEP-0045 FORM_TYPE of the configuration form.
    MUC_ROOMCONFIG = "http://jabber.org/protocol/muc#roomconfig";
    /// XEP-0045 FORM_TYPE of the discovery form of a room.
    MUC_ROOMINFO = "http://jabber.org/protocol/muc#roominfo";
    /// XEP-0045 FORM_TYPE of the registration form.
    MUC_REGISTER = "http://jabber.org/protocol/muc#register";
    /// XEP-0045 FORM_TYPE of a request for voice.
    MUC_REQUEST = "http://jabber.org/protocol/muc#request";
    /// XEP-0045 §6.4 feature: message ids are kept by the room.
    MUC_STABLE_ID = "http://jabber.org/protocol/muc#stable_id";
    /// XEP-0410 feature: the room itself answers self-pings.
    MUC_SELF_PING = "http://jabber.org/protocol/muc#self-ping-optimization";
    /// XEP-0045 §18.1.1 allowable traffic.
    MUC_TRAFFIC = "http://jabber.org/protocol/muc#traffic";
    /// XEP-0249 and the legacy form of mediated invitations.
    CONFERENCE = "jabber:x:conference";
    /// XEP-0059 result set management.
    RSM = "http://jabber.org/protocol/rsm";
    /// XEP-0077 registration.
    REGISTER = "jabber:iq:register";
    /// RFC 6121 §2 roster.
    ROSTER = "jabber:iq:roster";
    /// XEP-0049 private storage.
    PRIVATE = "jabber:iq:private";
    /// XEP-0054 vCards.
    VCARD = "vcard-temp";
    /// XEP-0060 publish-subscribe.
    PUBSUB = "http://jabber.org/protocol/pubsub";
    /// XEP-0092 software version.
    VERSION = "jabber:iq:version";
    /// XEP-0199 ping.
    PING = "urn:xmpp:ping";
    /// XEP-0202 entity time.
    TIME = "urn:xmpp:time";
    /// XEP-0203 delayed delivery.
    DELAY = "urn:xmpp:delay";
    /// XEP-0091 delayed delivery, as it was before XEP-0203.
    DELAY_OLD = "jabber:x:delay";
    /// XEP-0317 hats.
    HATS = "urn:xmpp:hats:0";
    /// XEP-0085 chat states.
    CHAT_STATES = "http://jabber.org/protocol/chatstates";
    /// XEP-0115 entity capabilities.
    CAPS = "http://jabber.org/protocol/caps";
    /// XEP-0280 carbons.
    CARBONS = "urn:xmpp:carbons:2";
    /// XEP-0297 forwarding.
    FORWARD = "urn:xmpp:forward:0";
    /// XEP-0313 archives.
    MAM = "urn:xmpp:mam:2";
    /// XEP-0308 last message correction.
    CORRECT = "urn:xmpp:message-correct:0";
    /// XEP-0333 displayed markers.
    CHAT_MARKERS = "urn:xmpp:chat-markers:0";
    /// XEP-0334 processing hints.
    HINTS = "urn:xmpp:hints";
    /// XEP-0359 stanza ids.
    STANZA_ID = "urn:xmpp:sid:0";
    /// XEP-0380 explicit encryption.
    ENCRYPTION = "urn:xmpp:eme:0";
    /// XEP-0421 occupant ids.
    OCCUPANT_ID = "urn:xmpp:occupant-id:0";
    /// XEP-0424 retraction.
    RETRACT = "urn:xmpp:message-retract:1";
    /// XEP-0444 reactions.
    REACTIONS = "urn:xmpp:reactions:0";
    /// XEP-0033 extended addresses.
    ADDRESS = "http://jabber.org/protocol/address";
    /// XEP-0191 blocking.
    BLOCKING = "urn:xmpp:blocking";
    /// XEP-0198 stream management.
    SM = "urn:xmpp:sm:3";
}
