//! Result sets (XEP-0059): long lists in pages.

use conclave_xmpp::{Condition, Element, ErrorKind, StanzaError, ns};

/// One page of a sorted list, and the `<set/>` that says where it lies in the whole.
pub struct Page<'a, T> {
    /// The items of the page.
    pub items: &'a [T],
    /// What goes with them, if the list was asked for in pages.
    pub set: Option<Element>,
}

/// The page that `request` asks for; without one the whole list, up to `max` items. `list` is sorted by `key`.
pub fn page<'a, T>(
    list: &'a [T],
    key: impl Fn(&T) -> &str,
    request: Option<&Element>,
    max: usize,
) -> Result<Page<'a, T>, StanzaError> {
    let Some(request) = request else {
        // A list that does not fit says so by its set, so that a client can ask for the rest.
        let items = &list[..list.len().min(max)];
        let set = (items.len() < list.len()).then(|| set_of(list, items, 0, &key));
        return Ok(Page { items, set });
    };
    let text = |name| request.child(name, ns::RSM).map(Element::text);
    let wanted = text("max").map(|text| text.parse::<usize>().map_err(|_| bad("max"))).transpose()?;
    let size = wanted.unwrap_or(max).min(max);
    let start = match (text("after"), text("before"), text("index")) {
        (Some(after), None, None) => list.partition_point(|item| key(item) <= after.as_str()),
        (None, Some(before), None) if before.is_empty() => list.len().saturating_sub(size),
        (None, Some(before), None) => {
            let end = list.partition_point(|item| key(item) < before.as_str());
            return Ok(slice(list, end.saturating_sub(size), end, &key));
        }
        (None, None, Some(index)) => index.parse().map_err(|_| bad("index"))?,
        (None, None, None) => 0,
        _ => return Err(bad("after, before and index")),
    };
    let start = start.min(list.len());
    Ok(slice(list, start, (start + size).min(list.len()), &key))
}

fn slice<'a, T>(list: &'a [T], start: usize, end: usize, key: &impl Fn(&T) -> &str) -> Page<'a, T> {
    let items = &list[start..end];
    Page { items, set: Some(set_of(list, items, start, key)) }
}

fn set_of<T>(list: &[T], items: &[T], start: usize, key: &impl Fn(&T) -> &str) -> Element {
    let element = |name, text: &str| Element::new(name, ns::RSM).with_text(text);
    let set = Element::new("set", ns::RSM);
    let set = match (items.first(), items.last()) {
        (Some(first), Some(last)) => {
            set.with_child(element("first", key(first)).with("index", &start.to_string())).with_child(element("last", key(last)))
        }
        _ => set,
    };
    set.with_child(element("count", &list.len().to_string()))
}

fn bad(what: &str) -> StanzaError {
    StanzaError::new(Condition::BadRequest).kind(ErrorKind::Modify).text(format!("{what} of the result set cannot be understood"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(request: &[(&str, &str)]) -> String {
        let list: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        let set = request
            .iter()
            .fold(Element::new("set", ns::RSM), |set, (name, text)| set.with_child(Element::new(name, ns::RSM).with_text(text)));
        match page(&list, |item| item.as_str(), Some(&set), 3) {
            Ok(page) => {
                let index = page.set.unwrap().child("first", ns::RSM).map(|first| first.attribute("index").unwrap().to_owned());
                format!("{} at {}", page.items.concat(), index.unwrap_or_else(|| "-".into()))
            }
            Err(error) => error.text.unwrap(),
        }
    }

    #[test]
    fn pages_are_cut_as_asked() {
        for (request, expected) in [
            (&[][..], "abc at 0"),
            (&[("max", "2")], "ab at 0"),
            (&[("max", "2"), ("after", "b")], "cd at 2"),
            (&[("max", "2"), ("after", "bb")], "cd at 2"),
            (&[("max", "9"), ("after", "e")], " at -"),
            (&[("max", "2"), ("before", "")], "de at 3"),
            (&[("max", "2"), ("before", "d")], "bc at 1"),
            (&[("max", "2"), ("index", "4")], "e at 4"),
            (&[("max", "0")], " at -"),
            (&[("max", "x")], "max of the result set cannot be understood"),
            (&[("after", "a"), ("before", "b")], "after, before and index of the result set cannot be understood"),
        ] {
            assert_eq!(ask(request), expected, "{request:?}");
        }
    }

    #[test]
    fn a_list_that_is_too_long_says_so() {
        let list = ["a", "b", "c"];
        let whole = page(&list, |item| item, None, 3).unwrap();
        assert_eq!((whole.items.len(), whole.set), (3, None));
        let cut = page(&list, |item| item, None, 2).unwrap();
        assert_eq!((cut.items.len(), cut.set.unwrap().child("count", ns::RSM).unwrap().text()), (2, "3".to_owned()));
    }
}
