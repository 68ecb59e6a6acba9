use serde_json::{Value, json};

use super::registry::{New, Registry};

/// Fills an empty 2.6 with one of everything that a migration can meet: 68 versions, 57 contents, 36 artifacts,
/// 4 groups, 16 comments, rules on both levels. The same calls in the same order as the data set of the fixtures, so
/// that ids are the same too.
pub async fn fill_with_rich_data(v2: &mut Registry) {
    groups(v2).await;
    orders(v2).await;
    payments(v2).await;
    references(v2).await;
    types(v2).await;
    odd_names(v2).await;
    comments(v2).await;
    rules(v2).await;
    deleted(v2).await;
}

async fn create(v2: &mut Registry, new: New<'_>) {
    let answer = v2.put(&new, false).await;
    assert_eq!(answer.status, 200, "{}/{}: {}", new.group, new.artifact, answer.text());
}

async fn add(v2: &mut Registry, new: New<'_>) {
    let answer = v2.put(&new, true).await;
    assert_eq!(answer.status, 200, "{}/{}: {}", new.group, new.artifact, answer.text());
}

async fn state(v2: &mut Registry, group: &str, artifact: &str, version: &str, state: &str) {
    let path = format!("/groups/{group}/artifacts/{artifact}/versions/{version}/state");
    v2.call("PUT", &path, Some(json!({"state": state}))).await;
}

async fn groups(v2: &mut Registry) {
    let payments =
        json!({"id": "payments", "description": "Payment schemas", "properties": {"team": "pay", "empty": ""}});
    v2.call("POST", "/groups", Some(payments)).await;
    let empty = json!({"id": "com.acme.empty", "description": "group without artifacts"});
    v2.call("POST", "/groups", Some(empty)).await;
}

/// An Avro record; `fields` are already JSON, written as Python's `json.dumps` writes it.
fn avro(name: &str, fields: &str, doc: Option<&str>) -> String {
    let doc = doc.map(|doc| format!(r#", "doc": "{doc}""#)).unwrap_or_default();
    format!(r#"{{"type": "record", "name": "{name}", "namespace": "com.acme", "fields": [{fields}]{doc}}}"#)
}

fn field(name: &str, kind: &str) -> String {
    format!(r#"{{"name": "{name}", "type": "{kind}"}}"#)
}

/// 16 versions: an evolving schema, whose last version has the content of the first.
async fn orders(v2: &mut Registry) {
    let id = field("id", "long");
    for number in 1..16 {
        let mut fields = vec![id.clone()];
        fields
            .extend((1..number).map(|n| format!(r#"{{"name": "f{n}", "type": ["null", "string"], "default": null}}"#)));
        let content = avro("Order", &fields.join(", "), None);
        let new = New {
            group: "default",
            artifact: "orders-value",
            kind: "AVRO",
            content: &content,
            ..New::default()
        };
        if number == 1 {
            let named = New {
                name: Some("Orders"),
                description: Some("first description"),
                ..new
            };
            create(v2, named).await;
        } else {
            add(v2, new).await;
        }
    }
    let content = avro("Order", &id, None);
    let new = New {
        group: "default",
        artifact: "orders-value",
        kind: "AVRO",
        content: &content,
        ..New::default()
    };
    add(v2, new).await;
    let long = "x".repeat(512);
    let three = json!({
        "name": "Orders three", "description": "édité ✓", "labels": ["Blue", "red"],
        "properties": {"team": "orders", "empty": "", "Owner.Name": "Ada", "long": long}
    });
    v2.call(
        "PUT",
        "/groups/default/artifacts/orders-value/versions/3/meta",
        Some(three),
    )
    .await;
    let latest = json!({
        "name": "Orders latest", "description": "", "labels": ["Blue", "both"],
        "properties": {"both": "value wins", "k2": "v2"}
    });
    v2.call(
        "PUT",
        "/groups/default/artifacts/orders-value/versions/16/meta",
        Some(latest),
    )
    .await;
    state(v2, "default", "orders-value", "4", "DISABLED").await;
    state(v2, "default", "orders-value", "5", "DEPRECATED").await;
}

/// A DISABLED latest version, an artifact with nothing else, and versions that are no numbers.
async fn payments(v2: &mut Registry) {
    for number in 1..=3 {
        let content = format!(r#"{{"type": "object", "title": "D{number}"}}"#);
        let new = New {
            group: "payments",
            artifact: "dis-latest",
            kind: "JSON",
            content: &content,
            ..New::default()
        };
        if number == 1 {
            create(v2, new).await;
        } else {
            add(v2, new).await;
        }
    }
    state(v2, "payments", "dis-latest", "3", "DISABLED").await;
    let all = New {
        group: "payments",
        artifact: "all-disabled",
        kind: "JSON",
        content: r#"{"type":"object","title":"all"}"#,
        ..New::default()
    };
    create(v2, all).await;
    state(v2, "payments", "all-disabled", "1", "DISABLED").await;

    let a = field("a", "int");
    let content = avro("S", &a, None);
    let semver = New {
        group: "payments",
        artifact: "semver",
        kind: "AVRO",
        content: &content,
        ..New::default()
    };
    let first = New {
        version: Some("1.0.0"),
        name: Some("Semver"),
        ..semver.clone()
    };
    create(v2, first).await;
    for version in ["1.1.0", "2.0.0-rc.1+b5", "10.0.0"] {
        let b = format!("b{}{}", version.chars().next().unwrap(), version.len());
        let content = avro(
            "S",
            &format!(r#"{a}, {{"name": "{b}", "type": "int", "default": 0}}"#),
            None,
        );
        let new = New {
            content: &content,
            version: Some(version),
            ..semver.clone()
        };
        add(v2, new).await;
    }
    let content = avro(
        "S",
        &format!(r#"{a}, {{"name": "z", "type": "int", "default": 0}}"#),
        None,
    );
    let by_server = New {
        content: &content,
        ..semver
    };
    add(v2, by_server).await;
}

fn reference(group: Option<&str>, artifact: &str, version: &str, name: &str) -> Value {
    json!({"groupId": group, "artifactId": artifact, "version": version, "name": name})
}

/// One and two references, none, reversed, without a group, into nothing; Avro, Protobuf and JSON.
async fn references(v2: &mut Registry) {
    let street = field("street", "string");
    let address = |fields: &str| avro("Address", fields, None);
    let first = address(&street);
    let second = address(&format!(
        r#"{street}, {{"name": "zip", "type": "string", "default": ""}}"#
    ));
    let new = |content| New {
        group: "default",
        artifact: "address",
        kind: "AVRO",
        content,
        ..New::default()
    };
    create(v2, new(&first)).await;
    add(v2, new(&second)).await;

    let customer = avro("Customer", &field("a", "com.acme.Address"), None);
    let pair = format!(
        "{}, {}",
        field("a", "com.acme.Address"),
        field("c", "com.acme.Customer")
    );
    let pair = avro("Pair", &pair, None);
    let one = reference(Some("default"), "address", "1", "com.acme.Address");
    let two = reference(Some("default"), "address", "2", "com.acme.Address");
    let without_group = reference(None, "address", "1", "com.acme.Address");
    let gone = reference(Some("refs"), "gone", "9", "com.acme.Address");
    let other = reference(Some("refs"), "customer", "1", "com.acme.Customer");
    let refs = |artifact, kind, content, references: Option<Value>| New {
        group: "refs",
        artifact,
        kind,
        content,
        references,
        ..New::default()
    };
    create(v2, refs("customer", "AVRO", &customer, Some(json!([one])))).await;
    add(v2, refs("customer", "AVRO", &customer, Some(json!([two])))).await;
    create(
        v2,
        refs("customer-null", "AVRO", &customer, Some(json!([without_group]))),
    )
    .await;
    // The two that 2.6 may refuse: the same bytes without references, and a reference into nothing.
    v2.put(&refs("customer-noref", "AVRO", &customer, None), false).await;
    create(v2, refs("pair", "AVRO", &pair, Some(json!([one, other])))).await;
    create(v2, refs("pair-reversed", "AVRO", &pair, Some(json!([other, one])))).await;
    v2.put(&refs("dangling", "AVRO", &customer, Some(json!([gone]))), false)
        .await;

    let addr = "syntax = \"proto3\";\npackage acme;\nmessage Addr { string street = 1; }\n";
    let person = "syntax = \"proto3\";\npackage acme;\nimport \"addr.proto\";\nmessage Person { Addr addr = 1; }\n";
    create(v2, refs("address.proto", "PROTOBUF", addr, None)).await;
    let import = json!([reference(Some("refs"), "address.proto", "1", "addr.proto")]);
    create(v2, refs("person.proto", "PROTOBUF", person, Some(import))).await;
    let schema = r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"a":{"$ref":"./other.json"}}}"#;
    let other = json!([reference(Some("payments"), "dis-latest", "1", "./other.json")]);
    create(v2, refs("js-ref", "JSON", schema, Some(other))).await;
}

/// All ten types.
async fn types(v2: &mut Registry) {
    let avro = avro("T", &field("a", "int"), Some("\\u00dcn\\u00efcode"));
    let all = [
        ("AVRO", avro.as_str()),
        ("PROTOBUF", "syntax = \"proto3\";\nmessage A { int32 a = 1; }\n"),
        (
            "JSON",
            r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}"#,
        ),
        (
            "OPENAPI",
            r#"{"openapi":"3.0.2","info":{"title":"Api title","version":"1.0","description":"d"},"paths":{}}"#,
        ),
        (
            "ASYNCAPI",
            r#"{"asyncapi":"2.0.0","info":{"title":"Async","version":"1"},"channels":{}}"#,
        ),
        ("GRAPHQL", "type Query { a: String }\n"),
        (
            "KCONNECT",
            r#"{"type":"struct","fields":[{"type":"int32","optional":false,"field":"a"}],"optional":false,"name":"n"}"#,
        ),
        (
            "WSDL",
            "<?xml version=\"1.0\"?>\n<definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\" name=\"W\" targetNamespace=\"urn:w\"/>\n",
        ),
        (
            "XSD",
            "<?xml version=\"1.0\"?>\n<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:element name=\"a\" type=\"xs:string\"/></xs:schema>\n",
        ),
        ("XML", "<?xml version=\"1.0\"?>\n<a>é</a>\n"),
    ];
    for (kind, content) in all {
        let artifact = kind.to_lowercase();
        let new = New {
            group: "types",
            artifact: &artifact,
            kind,
            content,
            ..New::default()
        };
        create(v2, new).await;
    }
    let whitespace = New {
        group: "types",
        artifact: "whitespace",
        kind: "JSON",
        content: "{\r\n\t\"type\" : \"object\"\r\n}\r\n",
        ..New::default()
    };
    create(v2, whitespace).await;
}

/// Ids and version strings that break careless clients; 2.6 refuses two of the ids.
async fn odd_names(v2: &mut Registry) {
    let ids = [
        ("default", "with space (x)"),
        ("default", "a+b&c=d"),
        ("default", "a:b"),
        ("default", "umlaut-ä"),
        ("default", "slash/inside"),
        ("default", "UPPER"),
        ("default", "upper"),
        ("odd group/ä", "x"),
        ("default", "semi;colon"),
        ("default", "q?m#h"),
        ("default", "quote'\""),
    ];
    let content = r#"{"type":"object","title":"odd"}"#;
    for (group, artifact) in ids {
        let new = New {
            group,
            artifact,
            kind: "JSON",
            content,
            ..New::default()
        };
        let answer = v2.put(&new, false).await;
        let expected = if artifact.is_ascii() && group.is_ascii() {
            200
        } else {
            400
        };
        assert_eq!(answer.status, expected, "{group}/{artifact}: {}", answer.text());
    }
    let odd = New {
        group: "default",
        artifact: "odd-versions",
        kind: "JSON",
        content,
        ..New::default()
    };
    create(v2, odd.clone()).await;
    for version in ["2 space", "3:colon", "4/slash", "5ä", "v_6", "7+8", "-9", "~10", "11'"] {
        let content = format!(r#"{{"type":"object","title":"{}"}}"#, version.replace('\'', ""));
        let new = New {
            content: &content,
            version: Some(version),
            ..odd.clone()
        };
        add(v2, new).await;
    }
}

async fn comment(v2: &mut Registry, artifact: &str, version: &str, text: &str) -> String {
    let path = format!("{artifact}/versions/{version}/comments");
    let answer = v2.call("POST", &path, Some(json!({"value": text}))).await;
    answer.json()["commentId"].as_str().unwrap().to_owned()
}

/// 14 on one version (the last one edited), two elsewhere, one deleted.
async fn comments(v2: &mut Registry) {
    let orders = "/groups/default/artifacts/orders-value";
    let mut last = String::new();
    for number in 0..14 {
        last = comment(v2, orders, "3", &format!("comment {number} ✓")).await;
    }
    comment(v2, orders, "1", &"c".repeat(1024)).await;
    comment(v2, orders, "16", "short").await;
    let path = format!("{orders}/versions/3/comments/{last}");
    v2.call("PUT", &path, Some(json!({"value": "edited"}))).await;
    let semver = "/groups/payments/artifacts/semver";
    let deleted = comment(v2, semver, "1.0.0", "to be deleted").await;
    v2.call("DELETE", &format!("{semver}/versions/1.0.0/comments/{deleted}"), None)
        .await;
}

async fn rules(v2: &mut Registry) {
    let rules = [
        ("default", "orders-value", "COMPATIBILITY", "BACKWARD"),
        ("default", "orders-value", "VALIDITY", "FULL"),
        ("refs", "customer", "INTEGRITY", "REFS_EXIST"),
        ("payments", "semver", "COMPATIBILITY", "NONE"),
    ];
    for (group, artifact, kind, config) in rules {
        let path = format!("/groups/{group}/artifacts/{artifact}/rules");
        v2.call("POST", &path, Some(json!({"type": kind, "config": config})))
            .await;
    }
    for (kind, config) in [("VALIDITY", "SYNTAX_ONLY"), ("COMPATIBILITY", "BACKWARD")] {
        v2.call("POST", "/admin/rules", Some(json!({"type": kind, "config": config})))
            .await;
    }
}

/// An artifact that is gone, and one that was made again.
async fn deleted(v2: &mut Registry) {
    let new = |artifact, content| New {
        group: "default",
        artifact,
        kind: "JSON",
        content,
        ..New::default()
    };
    create(v2, new("deleted", r#"{"type":"object","title":"to be orphaned"}"#)).await;
    v2.call("DELETE", "/groups/default/artifacts/deleted", None).await;
    create(v2, new("recreated", r#"{"type":"object","title":"r1"}"#)).await;
    v2.call("DELETE", "/groups/default/artifacts/recreated", None).await;
    create(v2, new("recreated", r#"{"type":"object","title":"r2"}"#)).await;
}
