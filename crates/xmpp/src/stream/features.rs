//! `<stream:features/>`: what may come next (RFC 6120 §4.3.2), and nothing that may not.

use super::{StreamSettings, TlsPolicy};
use crate::element::Element;
use crate::ns;
use crate::sasl::{ChannelBinding, Mechanism, TLS_EXPORTER};

/// Writes the features of a stream with or without TLS, before or after the login.
pub(super) fn write(out: &mut String, settings: &StreamSettings, tls: Option<&ChannelBinding>, authenticated: bool) {
    out.push_str("<stream:features>");
    let features = if authenticated { vec![Element::new("bind", ns::BIND)] } else { before_login(settings, tls) };
    for feature in features {
        feature.write(out, ns::CLIENT);
    }
    out.push_str("</stream:features>");
}

/// The mechanisms that may be used now, the strongest first.
pub(super) fn mechanisms(settings: &StreamSettings, tls: Option<&ChannelBinding>) -> Vec<Mechanism> {
    if tls.is_none() && settings.tls == TlsPolicy::Required {
        return Vec::new();
    }
    let bindable = tls.is_some_and(|tls| tls.exported().is_some());
    let plain = tls.is_some() || settings.plain_without_tls;
    let usable = |mechanism: &Mechanism| (bindable || !mechanism.is_plus()) && (plain || *mechanism != Mechanism::Plain);
    Mechanism::ALL.into_iter().filter(usable).collect()
}

fn before_login(settings: &StreamSettings, tls: Option<&ChannelBinding>) -> Vec<Element> {
    let mut features = Vec::new();
    if tls.is_none() && settings.tls != TlsPolicy::Unavailable {
        let starttls = Element::new("starttls", ns::TLS);
        features.push(match settings.tls {
            TlsPolicy::Required => starttls.with_child(Element::new("required", ns::TLS)),
            _ => starttls,
        });
    }
    let mechanisms = mechanisms(settings, tls);
    if !mechanisms.is_empty() {
        let named = |mechanism: Mechanism| Element::new("mechanism", ns::SASL).with_text(mechanism.as_str());
        features.push(Element::new("mechanisms", ns::SASL).with_children(mechanisms.into_iter().map(named)));
    }
    if tls.is_some_and(|tls| tls.exported().is_some()) {
        let binding = Element::new("channel-binding", ns::SASL_CHANNEL_BINDING).with("type", TLS_EXPORTER);
        features.push(Element::new("sasl-channel-binding", ns::SASL_CHANNEL_BINDING).with_child(binding));
    }
    features
}
