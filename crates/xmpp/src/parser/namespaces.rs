//! Prefixes in scope (Namespaces in XML 1.0).

use std::borrow::Cow;

use compact_str::CompactString;

use super::fault::Fault;
use crate::ns;

/// All declarations that hold, innermost last.
pub(super) struct Namespaces {
    bindings: Vec<Binding>,
    level: usize,
    /// How many may hold at once.
    max: usize,
}

struct Binding {
    /// Empty for the default namespace.
    prefix: CompactString,
    namespace: Cow<'static, str>,
    level: usize,
}

impl Namespaces {
    /// None so far, and so many at once.
    pub fn new(max: usize) -> Namespaces {
        Namespaces { bindings: Vec::new(), level: 0, max }
    }

    /// Begins an element; its declarations follow.
    pub fn enter(&mut self) {
        self.level += 1;
    }

    /// Ends an element and forgets its declarations.
    pub fn leave(&mut self) {
        while self.bindings.last().is_some_and(|binding| binding.level == self.level) {
            self.bindings.pop();
        }
        self.level -= 1;
    }

    /// Declares a prefix, or with an empty one the default namespace, on the element that was entered last.
    pub fn declare(&mut self, prefix: &str, namespace: &str) -> Result<(), Fault> {
        check(prefix, namespace).map_err(|what| Fault::malformed(0, what))?;
        let own = self.bindings.iter().rev().take_while(|binding| binding.level == self.level);
        if own.into_iter().any(|binding| binding.prefix == prefix) {
            return Err(Fault::malformed(0, "an element declares a namespace twice"));
        }
        if self.bindings.len() >= self.max {
            return Err(Fault::limit(format!("more than {} namespaces are declared at once", self.max)));
        }
        self.bindings.push(Binding { prefix: prefix.into(), namespace: ns::intern(namespace), level: self.level });
        Ok(())
    }

    /// The namespace in force where no prefix is written; empty if there is none.
    pub fn default_namespace(&self) -> &str {
        self.find("").unwrap_or_default()
    }

    /// The namespace of a prefix.
    pub fn of_prefix(&self, prefix: &str) -> Result<&str, Fault> {
        match prefix {
            "xml" => Ok(ns::XML),
            _ => self.find(prefix).ok_or_else(|| Fault::malformed(0, "a prefix is not declared")),
        }
    }

    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.bindings.capacity() * size_of::<Binding>()
    }

    fn find(&self, prefix: &str) -> Option<&str> {
        self.bindings.iter().rev().find(|binding| binding.prefix == prefix).map(|binding| &*binding.namespace)
    }
}

/// §2.2 and §3: what may be declared at all.
fn check(prefix: &str, namespace: &str) -> Result<(), &'static str> {
    match (prefix, namespace) {
        ("xml", ns::XML) => Ok(()),
        ("xml", _) | (_, ns::XML) => Err("the prefix xml and its namespace belong together"),
        ("xmlns", _) | (_, ns::XMLNS) => Err("the prefix xmlns and its namespace must not be declared"),
        ("", _) => Ok(()),
        (_, "") => Err("a prefix must not be bound to nothing"),
        _ => Ok(()),
    }
}
