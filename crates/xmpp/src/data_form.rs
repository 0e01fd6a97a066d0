//! Data forms (XEP-0004).

use std::fmt;

use crate::element::Element;
use crate::ns;

/// `type` of a form (XEP-0004 §3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum FormKind {
    Form,
    Submit,
    Cancel,
    Result,
}

impl FormKind {
    fn as_str(self) -> &'static str {
        match self {
            FormKind::Form => "form",
            FormKind::Submit => "submit",
            FormKind::Cancel => "cancel",
            FormKind::Result => "result",
        }
    }
}

/// `type` of a field (XEP-0004 §3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum FieldKind {
    Boolean,
    Fixed,
    Hidden,
    JidMulti,
    JidSingle,
    ListMulti,
    ListSingle,
    TextMulti,
    TextPrivate,
    TextSingle,
}

impl FieldKind {
    fn as_str(self) -> &'static str {
        match self {
            FieldKind::Boolean => "boolean",
            FieldKind::Fixed => "fixed",
            FieldKind::Hidden => "hidden",
            FieldKind::JidMulti => "jid-multi",
            FieldKind::JidSingle => "jid-single",
            FieldKind::ListMulti => "list-multi",
            FieldKind::ListSingle => "list-single",
            FieldKind::TextMulti => "text-multi",
            FieldKind::TextPrivate => "text-private",
            FieldKind::TextSingle => "text-single",
        }
    }
}

/// One field. A submitted one needs only `var` and `values`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Field {
    /// The field's name; only `fixed` ones may lack it.
    pub var: String,
    /// How it is shown; a submission may leave it out.
    pub kind: Option<FieldKind>,
    /// What people read beside it.
    pub label: Option<String>,
    /// The choices of a list: label and value.
    pub options: Vec<(String, String)>,
    /// Whether an answer is needed.
    pub required: bool,
    /// One value, or several, or none.
    pub values: Vec<String>,
}

impl Field {
    /// A field with one value.
    pub fn new(kind: FieldKind, var: &str, value: &str) -> Field {
        Field { var: var.to_owned(), kind: Some(kind), values: vec![value.to_owned()], ..Field::default() }
    }

    /// A field with any number of values.
    pub fn multi(kind: FieldKind, var: &str, values: impl IntoIterator<Item = String>) -> Field {
        Field { var: var.to_owned(), kind: Some(kind), values: values.into_iter().collect(), ..Field::default() }
    }

    /// With what people read beside it.
    #[must_use]
    pub fn label(mut self, label: &str) -> Field {
        self.label = Some(label.to_owned());
        self
    }

    /// With one more choice.
    #[must_use]
    pub fn option(mut self, label: &str, value: &str) -> Field {
        self.options.push((label.to_owned(), value.to_owned()));
        self
    }

    /// With an answer needed.
    #[must_use]
    pub fn required(mut self) -> Field {
        self.required = true;
        self
    }

    /// The only value; a field without any counts as empty.
    pub fn value(&self) -> Result<&str, FormError> {
        match self.values.as_slice() {
            [] => Ok(""),
            [value] => Ok(value),
            _ => Err(FormError::new(&self.var, "takes one value")),
        }
    }

    /// A boolean (XEP-0004 §3.3: 0, 1, false, true); one without a value is false.
    pub fn boolean(&self) -> Result<bool, FormError> {
        match self.value()? {
            "1" | "true" => Ok(true),
            "0" | "false" | "" => Ok(false),
            _ => Err(FormError::new(&self.var, "takes 0, 1, false or true")),
        }
    }

    fn to_element(&self) -> Element {
        let text = |name, value: &str| Element::new(name, ns::DATA).with_text(value);
        let option = |(label, value): &(String, String)| {
            Element::new("option", ns::DATA).with("label", label).with_child(text("value", value))
        };
        Element::new("field", ns::DATA)
            .with_some("type", self.kind.map(FieldKind::as_str))
            .with_some("label", self.label.as_deref())
            .with_some("var", Some(self.var.as_str()).filter(|var| !var.is_empty()))
            .with_children(self.required.then(|| Element::new("required", ns::DATA)))
            .with_children(self.options.iter().map(option))
            .with_children(self.values.iter().map(|value| text("value", value)))
    }
}

/// A form, a submission, a cancellation or a result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataForm {
    /// Which of the four.
    pub kind: FormKind,
    /// A heading.
    pub title: Option<String>,
    /// What to do.
    pub instructions: Option<String>,
    /// The fields without FORM_TYPE.
    pub fields: Vec<Field>,
    /// The value of FORM_TYPE (XEP-0068), if any.
    pub form_type: Option<String>,
}

impl DataForm {
    /// An empty form of a FORM_TYPE.
    pub fn new(kind: FormKind, form_type: &str) -> DataForm {
        DataForm { kind, title: None, instructions: None, fields: Vec::new(), form_type: Some(form_type.to_owned()) }
    }

    /// With one more field.
    #[must_use]
    pub fn field(mut self, field: Field) -> DataForm {
        self.fields.push(field);
        self
    }

    /// The field called `var`.
    pub fn get(&self, var: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.var == var)
    }

    /// Reads a submission or a cancellation of `form_type`. A form without any field needs no FORM_TYPE: it is the "as you like" of an instant room.
    pub fn submitted(x: &Element, form_type: &str) -> Result<DataForm, FormError> {
        let form = DataForm::parse(x)?;
        match form.kind {
            FormKind::Cancel => return Ok(form),
            FormKind::Submit => {}
            FormKind::Form | FormKind::Result => return Err(FormError::new("type", "must be submit or cancel")),
        }
        match form.form_type.as_deref() {
            None if form.fields.is_empty() => Ok(form),
            Some(found) if found == form_type => Ok(form),
            Some(_) | None => Err(FormError::new("FORM_TYPE", format!("must be {form_type}"))),
        }
    }

    /// Reads `<x xmlns='jabber:x:data'/>`.
    pub fn parse(x: &Element) -> Result<DataForm, FormError> {
        if !x.is("x", ns::DATA) {
            return Err(FormError::new("x", "must be a jabber:x:data form"));
        }
        let kind = match x.attribute("type") {
            Some("form") => FormKind::Form,
            Some("submit") => FormKind::Submit,
            Some("cancel") => FormKind::Cancel,
            Some("result") => FormKind::Result,
            _ => return Err(FormError::new("type", "must be form, submit, cancel or result")),
        };
        let mut form = DataForm { kind, title: None, instructions: None, fields: Vec::new(), form_type: None };
        for element in x.children().filter(|child| child.is("field", ns::DATA)) {
            form.take_field(element)?;
        }
        Ok(form)
    }

    fn take_field(&mut self, element: &Element) -> Result<(), FormError> {
        let Some(var) = element.attribute("var") else {
            return if element.attribute("type") == Some("fixed") { Ok(()) } else { Err(FormError::new("field", "lacks var")) };
        };
        let values = element.children().filter(|child| child.is("value", ns::DATA)).map(Element::text).collect();
        let field = Field { var: var.to_owned(), values, ..Field::default() };
        if var == "FORM_TYPE" {
            self.form_type = Some(field.value()?.to_owned());
        } else if self.get(var).is_some() {
            return Err(FormError::new(var, "stands twice"));
        } else {
            self.fields.push(field);
        }
        Ok(())
    }

    /// `<x xmlns='jabber:x:data'/>`, FORM_TYPE first.
    pub fn to_element(&self) -> Element {
        let text = |name, value: &String| Element::new(name, ns::DATA).with_text(value);
        let form_type = self.form_type.as_ref().map(|value| Field::new(FieldKind::Hidden, "FORM_TYPE", value).to_element());
        Element::new("x", ns::DATA)
            .with("type", self.kind.as_str())
            .with_children(self.title.as_ref().map(|title| text("title", title)))
            .with_children(self.instructions.as_ref().map(|value| text("instructions", value)))
            .with_children(form_type)
            .with_children(self.fields.iter().map(Field::to_element))
    }
}

/// What is wrong with a form, naming the field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormError {
    field: String,
    reason: String,
}

impl FormError {
    /// `field` and what it must be.
    pub fn new(field: &str, reason: impl Into<String>) -> FormError {
        FormError { field: field.to_owned(), reason: reason.into() }
    }
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.reason)
    }
}

impl std::error::Error for FormError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn submit(fields: &[(&str, &[&str])]) -> Element {
        let field = |(var, values): &(&str, &[&str])| {
            Field { var: (*var).into(), values: values.iter().map(|v| (*v).to_owned()).collect(), ..Field::default() }
                .to_element()
        };
        Element::new("x", ns::DATA).with("type", "submit").with_children(fields.iter().map(field))
    }

    #[test]
    fn a_submission_must_name_its_form() {
        let read = |fields: &[(&str, &[&str])]| DataForm::submitted(&submit(fields), "urn:f").map_err(|e| e.to_string());
        assert!(read(&[]).is_ok());
        assert!(read(&[("FORM_TYPE", &["urn:f"])]).is_ok());
        assert_eq!(read(&[("FORM_TYPE", &["urn:g"])]), Err("FORM_TYPE must be urn:f".into()));
        assert_eq!(read(&[("a", &["1"])]), Err("FORM_TYPE must be urn:f".into()));
        assert_eq!(read(&[("FORM_TYPE", &["urn:f"]), ("a", &[]), ("a", &[])]), Err("a stands twice".into()));
    }

    #[test]
    fn values_are_read_strictly() {
        let form =
            DataForm::parse(&submit(&[("yes", &["true"]), ("no", &[]), ("what", &["maybe"]), ("two", &["a", "b"])])).unwrap();
        let boolean = |var| form.get(var).unwrap().boolean().map_err(|e| e.to_string());
        assert_eq!((boolean("yes"), boolean("no")), (Ok(true), Ok(false)));
        assert_eq!(boolean("what"), Err("what takes 0, 1, false or true".into()));
        assert_eq!(boolean("two"), Err("two takes one value".into()));
    }

    #[test]
    fn a_form_is_written_as_its_xep_shows() {
        let form = DataForm::new(FormKind::Form, "urn:f")
            .field(Field { values: vec![], ..Field::new(FieldKind::TextSingle, "nick", "") }.label("Nickname").required())
            .field(Field::new(FieldKind::ListSingle, "who", "all").option("Everyone", "all"));
        assert_eq!(
            form.to_element().to_string(),
            "<x xmlns='jabber:x:data' type='form'><field type='hidden' var='FORM_TYPE'><value>urn:f</value></field>\
             <field type='text-single' label='Nickname' var='nick'><required/></field>\
             <field type='list-single' var='who'><option label='Everyone'><value>all</value></option><value>all</value></field></x>"
        );
    }
}
