//! Which API a request is for, and the shapes of refusals. Pure: a request and a registry's memory in, an answer out.

use super::{
    ccompat,
    http::{Answer, Request},
    import::{Turn, read_for_v2, read_for_v3},
    model::{Refusal, Store},
    render::{no_resource, refused_v2, refused_v3},
    v2, v3,
};

/// Answers everything but imports.
pub(super) fn answer(store: &mut Store, request: &Request) -> Answer {
    let answer = route(store, request);
    store.metrics.count(request, &answer);
    answer
}

fn route(store: &mut Store, request: &Request) -> Answer {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["apis", "ccompat", "v7", rest @ ..] => ccompat::answer(store, request, rest),
        ["apis", "ccompat", "v6", rest @ ..] if store.is_v2() => ccompat::answer(store, request, rest),
        ["apis", "registry", "v2", rest @ ..] => {
            let answer = v2::answer(store, request, rest);
            refused(store, request, answer)
        }
        ["apis", "registry", "v3", rest @ ..] if !store.is_v2() => {
            let answer = v3::answer(store, request, rest);
            refused(store, request, answer)
        }
        ["health", which] if store.is_v2() => health(store, which),
        ["health"] if store.is_v2() => health(store, "live"),
        ["metrics"] if store.is_v2() => store.metrics.page(),
        _ => refused(store, request, Err(no_resource(request))),
    }
}

/// `/health/…`, on the main port of 2.6 and the management port of 3.3.
pub(super) fn health(store: &mut Store, which: &str) -> Answer {
    let now = store.now;
    let (status, body) = match which {
        "ready" | "started" => super::health::Health::ready(),
        _ => store.health.live(now),
    };
    Answer::json_with(status, &body)
}

/// An answer, or a refusal in the shape of the API that was asked; those that nobody maps count for health.
pub(super) fn refused(store: &mut Store, request: &Request, answer: Result<Answer, Refusal>) -> Answer {
    let refusal = match answer {
        Ok(answer) => return answer,
        Err(refusal) => refusal,
    };
    if refusal.status == 500 {
        store.health.answer_failed(store.now);
    }
    if refusal.from_storage {
        store.health.storage_failed(store.now);
    }
    let is_v2_api = request.path.get(2).is_some_and(|part| part == "v2");
    match (store.is_v2(), is_v2_api) {
        // What stands before any API: 2.6 answers an empty body to a forbidden request, and bare words to a body that it cannot
        // read; 3.3 has its own shape for both, on either path (seen).
        (true, _) if refusal.status == 403 => Answer::empty(403),
        (true, _) if is_unreadable(&refusal) => {
            Answer::bytes(400, "application/octet-stream", refusal.message.into_bytes())
        }
        (false, true) if !is_unreadable(&refusal) && refusal.status != 403 => refused_v2(&refusal),
        (true, _) => refused_v2(&refusal),
        (false, _) => refused_v3(&refusal),
    }
}

fn is_unreadable(refusal: &Refusal) -> bool {
    *refusal == Refusal::not_readable()
}

/// Whether a request is an import.
pub(super) fn is_import(store: &Store, request: &Request) -> bool {
    let api = match request.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["apis", "registry", api, "admin", "import"] => (*api).to_owned(),
        _ => return false,
    };
    request.method == "POST" && (api == "v2" || (api == "v3" && !store.is_v2()))
}

/// What an import does, or its refusal before anything is read. Only 3.x's own API wants an empty registry (reference:
/// apicurio.md §2.3).
pub(super) fn turns(store: &Store, request: &Request) -> Result<Vec<Turn>, Refusal> {
    if request.media_type() != "application/zip" {
        return Err(Refusal::new(
            415,
            "NotSupportedException",
            "RESTEASY003065: Cannot consume content type",
        ));
    }
    if store.is_v2() {
        let all = read_for_v2(&request.body);
        return Ok(all.into_iter().map(|entity| Turn::Take(Box::new(entity))).collect());
    }
    let through_v3 = request.path.get(2).is_some_and(|part| part == "v3");
    let may_hold = request
        .param("requireEmptyRegistry")
        .is_some_and(|value| value == "false");
    if through_v3 && !may_hold && !store.contents.is_empty() {
        return Err(Refusal::conflict("Registry is not empty."));
    }
    store.writable()?;
    read_for_v3(&request.body)
}
