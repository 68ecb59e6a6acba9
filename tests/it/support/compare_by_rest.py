#!/usr/bin/env python3
"""Compares two registries by their v2 API alone, id by id and byte by byte; shares no code with regplan.

    compare_by_rest.py LEFT RIGHT [--right-may-have-more]     each a URL; exit 1 when something differs

Every artifact that the search lists, all its versions, their ids and states, and the bytes behind each id.
"""
import hashlib, json, sys, urllib.error, urllib.parse, urllib.request

PAGE = 200
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# Where regplan's own probes write.
OWN = ("regplan-probe", "regplan-reserve")


def get(url):
    with OPENER.open(url, timeout=60) as answer:
        return answer.read()


def pages(url, key):
    offset = 0
    while True:
        found = json.loads(get(f"{url}{'&' if '?' in url else '?'}limit={PAGE}&offset={offset}"))[key]
        yield from found
        offset += PAGE
        if len(found) < PAGE:
            return


def content(api, version):
    """By globalId, as clients ask; a disabled version is served by its contentId only."""
    for path in (f"globalIds/{version['globalId']}", f"contentIds/{version['contentId']}/"):
        try:
            return hashlib.sha256(get(f"{api}/ids/{path}")).hexdigest()
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
    return "no bytes"


def registry(url):
    api = url.rstrip("/") + "/apis/registry/v2"
    segment = lambda text: urllib.parse.quote(text, safe="")
    versions = {}
    # The oldest first: what clients make meanwhile comes at the end, and shifts no page.
    for artifact in pages(f"{api}/search/artifacts?orderby=createdOn&order=asc", "artifacts"):
        group = artifact.get("groupId") or "default"
        if group in OWN:
            continue
        path = f"{api}/groups/{segment(group)}/artifacts/{segment(artifact['id'])}/versions"
        for version in pages(path, "versions"):
            row = (group, artifact["id"], version["version"], version["contentId"], version["state"], content(api, version))
            if versions.get(version["globalId"], row) != row:
                sys.exit(f"{url}: globalId {version['globalId']} twice: {versions[version['globalId']]} and {row}")
            versions[version["globalId"]] = row
    return versions


def main():
    left, right = registry(sys.argv[1]), registry(sys.argv[2])
    wrong = [f"globalId {id}: {row} is {right.get(id, 'missing')}" for id, row in left.items() if right.get(id) != row]
    if "--right-may-have-more" not in sys.argv:
        wrong += [f"globalId {id}: {row} is on the right alone" for id, row in right.items() if id not in left]
    size = lambda versions: f"{len(versions)} versions, {len({row[3] for row in versions.values()})} contents"
    print(f"left {size(left)}; right {size(right)}; greatest ids {max(left, default=0)} and {max(right, default=0)}")
    if wrong:
        print("\n".join(wrong[:20]), f"\n{len(wrong)} differences", file=sys.stderr)
    sys.exit(1 if wrong else 0)


main()
