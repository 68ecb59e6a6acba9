use minijinja::{Environment, UndefinedBehavior, Value, context, syntax::SyntaxConfig, value::Serde};

use super::Answers;

/// Renders the plan; equal answers give equal bytes.
///
/// # Errors
/// When the template does not fit its values: a mistake of this program.
pub fn render(answers: &Answers) -> Result<String, minijinja::Error> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build()?);
    templates.add_filter("quoted", |text: String| quoted(&text));
    templates.add_filter("flow", |texts: Vec<String>| {
        let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        format!("[{}]", texts.join(", "))
    });
    templates.render_str(
        include_str!("templates/plan.yaml"),
        context! {
            name => &answers.name,
            registries => Value::from(Serde(&answers.registries)),
            lb => Value::from(Serde(&answers.lb)),
            commands => Value::from(Serde(&answers.commands)),
            seen => Value::from(Serde(&answers.seen)),
            storage => answers.env.storage(), kafka => answers.env.is_kafka(), issuer => answers.env.issuer(),
            secrets => answers.env.secrets(),
            chunk_versions => answers.chunk_versions(), freeze_minutes => answers.freeze_minutes(),
        },
    )
}

/// A text as a double-quoted YAML scalar that means exactly that text to a plan: `${` is no reference.
fn quoted(text: &str) -> String {
    let literal = text.replace("${", "$${");
    // Whatever JSON escapes, YAML reads back; a string always has a JSON form.
    serde_json::Value::String(literal).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_references_are_read_back_as_they_were() {
        assert_eq!(quoted(r#"a "b" \c: #"#), r#""a \"b\" \\c: #""#);
        assert_eq!(quoted("echo ${HOME} $X"), r#""echo $${HOME} $X""#);
    }
}
