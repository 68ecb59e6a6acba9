use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read as _,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Finds a program as its own start would, in the `path` that it gets and from the directory in which it runs.
///
/// For a name without a slash the standard library forks, for `PATH` is set for the child, and tries each directory there; a
/// path is spawned. `None`: leave it to that, which finds more and has the better error.
pub(super) fn find_program(program: &OsStr, directory: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    if program.is_empty() || program.as_bytes().contains(&b'/') {
        return None;
    }
    let candidates = std::env::split_paths(path?).map(|entry| directory.join(entry).join(program));
    let first = candidates.into_iter().find(|candidate| candidate.exists())?;
    is_binary(&first).then_some(first)
}

/// Whether nothing can keep it from starting. A file that not everybody may run, and a script, may be passed over or given to
/// a shell.
fn is_binary(file: &Path) -> bool {
    let mut head = [0; 4];
    let opened = File::open(file).and_then(|mut file| {
        file.read_exact(&mut head)?;
        file.metadata()
    });
    let for_all = |mode: u32| mode & 0o111 == 0o111;
    head == *b"\x7fELF" && opened.is_ok_and(|found| found.is_file() && for_all(found.permissions().mode()))
}

/// What `PATH` is for the child: its own, or the inherited one.
pub(super) fn path_of<'v>(own: impl IntoIterator<Item = (&'v str, &'v str)>) -> Option<OsString> {
    let own = own.into_iter().find(|(name, _)| *name == "PATH");
    own.map(|(_, value)| value.into()).or_else(|| std::env::var_os("PATH"))
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;

    fn put(path: &Path, bytes: &[u8], mode: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().write_all(bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn found(program: &str, path: &str, directory: &Path) -> Option<PathBuf> {
        find_program(OsStr::new(program), directory, Some(OsStr::new(path)))
    }

    #[test]
    fn a_binary_is_found_in_the_first_directory_that_has_it_seen_from_the_childs_own() {
        let dir = tempfile::tempdir().unwrap();
        put(&dir.path().join("b/tool"), b"\x7fELF", 0o755);
        put(&dir.path().join("c/tool"), b"\x7fELF", 0o755);
        assert_eq!(found("tool", "a:b:c", dir.path()), Some(dir.path().join("b/tool")));
        assert_eq!(found("tool", "a", dir.path()), None);
    }

    #[test]
    fn what_may_be_passed_over_or_given_to_a_shell_is_left_to_the_system() {
        let dir = tempfile::tempdir().unwrap();
        put(&dir.path().join("a/script"), b"#!/bin/sh\n", 0o755);
        put(&dir.path().join("a/bare"), b"echo\n", 0o755);
        put(&dir.path().join("a/closed"), b"\x7fELF", 0o644);
        put(&dir.path().join("b/closed"), b"\x7fELF", 0o755);
        for program in ["script", "bare", "closed", "missing", "", "./a/script"] {
            assert_eq!(found(program, "a:b", dir.path()), None, "{program}");
        }
        assert_eq!(find_program(OsStr::new("sh"), dir.path(), None), None);
    }

    #[test]
    fn the_childs_own_path_goes_before_the_inherited_one() {
        assert_eq!(path_of([("A", "x"), ("PATH", "/own")]), Some("/own".into()));
        assert_eq!(path_of([("A", "x")]), std::env::var_os("PATH"));
    }
}
