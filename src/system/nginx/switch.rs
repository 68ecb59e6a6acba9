//! One change of the route: lock, compare, write, test, reload, drain, prove (`reference/lab.md` §1.7).

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    Live, Nginx, RouteTarget,
    generation::Generation,
    live,
    mark::DrainMark,
    owned::{Bytes, HTTP, Owned, PutBack, SERVER},
    program::{Dump, Program, messages},
    render::{RenderError, Rendered, render},
    workers::{Worker, is_master, master_of, workers},
};
use crate::{
    model::{BackendName, PlanDuration, RunId},
    resource::RouteWrites,
    system::{Progress, SystemError, crash_point},
};

/// Between two looks: a reload takes 15–180 ms to show (`reference/lab.md` §1.6).
const POLL: Duration = Duration::from_millis(20);

/// A configuration that is not in force by then will not be: nginx gives up on a taken address after 2.5 s.
const TAKES_HOLD: Duration = Duration::from_secs(5);

/// More than `worker_shutdown_timeout`, so that a drain that it ends is seen to end.
const DRAIN_EXTRA: Duration = Duration::from_secs(10);

/// Without `worker_shutdown_timeout` nothing bounds an old worker; 2 minutes is what the lab recommends to set.
const SHUTDOWN_DEFAULT: Duration = Duration::from_secs(120);

/// New lines of an error log after a failed reload are few.
const LOG_LIMIT: u64 = 256 * 1024;

/// A change under way.
pub(super) struct Switch<'a> {
    /// The balancer.
    pub nginx: &'a Nginx,
    /// The run that changes it.
    pub run: &'a RunId,
    /// Where to say what happens.
    pub log: &'a Progress,
}

/// The running instance, as its configuration and processes show it.
struct Instance {
    master: i32,
    old: Vec<Worker>,
    error_log: Option<PathBuf>,
    shutdown_timeout: Option<Duration>,
}

impl Switch<'_> {
    /// See [`super::BalancerWriter::switch`].
    pub async fn run(&self, target: &RouteTarget, expect: Option<&str>) -> Result<(), SystemError> {
        let owned = self.nginx.owned();
        let _lock = owned
            .lock()
            .await?
            .ok_or_else(|| self.foreign("another regplan has held the lock beside its files for 10 s".to_owned()))?;
        let live = self.agreed().await?;
        let before = live.generations.first();
        if before.is_none() {
            self.leave_foreign_files(&owned)?;
        }
        let new = self.rendered(target, before)?;
        self.compare(before, expect, &new.generation)?;
        let since = Instant::now();
        let instance = self.install(&owned, &live, &new).await?;
        // Workers of a route that denied writes serve reads alone: nothing of theirs can reach a backend late. A slow reader must
        // not fail a thaw, because clients write by the new route already, and going back would leave those writes behind.
        // A freeze that was not proven before is none yet: then older workers than those may write.
        let unproven = unproven(&owned, &new.generation, before)?;
        let only_reads = !may_write(before) && unproven.is_none();
        self.drain(&instance, since, only_reads).await?;
        let age = unproven.map_or(Duration::ZERO, |mark| mark.age().max(since.elapsed()));
        let cut = instance.shutdown_timeout.is_some_and(|bound| age >= bound);
        if !only_reads && !cut {
            owned.end_drain()?;
        }
        crash_point("route.drained");
        self.confirm(&new.generation).await?;
        self.look_from_outside(target.writes).await?;
        if cut {
            return Err(self.not_in_force(
                "nginx cut requests at its worker_shutdown_timeout, or nobody saw that it did not; the backend may still \
                 commit what it had received of them: allow writes again, and deny them anew",
            ));
        }
        Ok(())
    }

    fn foreign(&self, reason: String) -> SystemError {
        SystemError::Foreign {
            system: self.nginx.name.clone(),
            reason,
        }
    }

    fn not_in_force(&self, reason: impl Into<String>) -> SystemError {
        SystemError::NotInForce {
            system: self.nginx.name.clone(),
            reason: reason.into(),
        }
    }

    /// The live generation; a reload that is under way is waited for.
    async fn agreed(&self) -> Result<Live, SystemError> {
        let end = Instant::now() + TAKES_HOLD;
        loop {
            let live = self.nginx.live().await?;
            if live.generations.len() <= 1 {
                return Ok(live);
            }
            if Instant::now() > end {
                let all: Vec<String> = live.generations.iter().map(ToString::to_string).collect();
                return Err(self.foreign(format!("its workers answer different generations: {}", all.join(", "))));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn rendered(&self, target: &RouteTarget, before: Option<&Generation>) -> Result<Rendered, SystemError> {
        let to = target
            .to
            .as_ref()
            .or_else(|| before.map(|before| &before.to))
            .ok_or_else(|| self.not_in_force("nothing of regplan is installed yet, so the step must say `to`"))?;
        self.render(to, target.writes, self.run)
            .map_err(|error| self.not_in_force(error.to_string()))
    }

    fn render(&self, to: &BackendName, writes: RouteWrites, run: &RunId) -> Result<Rendered, RenderError> {
        render(&self.nginx.spec, &self.nginx.places, to, writes, run)
    }

    /// The compare where nobody answers (the socket is gone, or an include): then the files alone tell whose the route is.
    fn leave_foreign_files(&self, owned: &Owned<'_>) -> Result<(), SystemError> {
        let Some(text) = owned.read()?.generation() else {
            return Ok(());
        };
        let ours = Generation::parse(&text, self.nginx.spec.backends.keys());
        if ours.is_some_and(|generation| generation.run == *self.run) {
            return Ok(());
        }
        let path = owned.path(HTTP);
        Err(self.foreign(format!(
            "no route of regplan answers, and {} holds `{text}` of another run, whose journal is not here; empty that file \
             if that run is given up",
            path.display()
        )))
    }

    /// The compare of compare-and-set.
    fn compare(&self, before: Option<&Generation>, expect: Option<&str>, new: &Generation) -> Result<(), SystemError> {
        if let Some(before) = before
            && before.run != *self.run
        {
            return Err(self.foreign(format!(
                "the route in force ({before}) was set by run {}, and the journal of that run is not here",
                before.run
            )));
        }
        let found = before.map(ToString::to_string);
        if found.as_deref() == expect || before == Some(new) {
            return Ok(());
        }
        let name =
            |generation: Option<&str>| generation.map_or("nothing of regplan".to_owned(), |text| format!("`{text}`"));
        Err(self.foreign(format!(
            "its route was changed meanwhile: {} is in force, {} was expected",
            name(found.as_deref()),
            name(expect)
        )))
    }

    /// Writes, tests, reloads and waits until the new generation answers; whatever fails before that puts the old bytes back.
    /// A generation that is in force already is not loaded again.
    async fn install(&self, owned: &Owned<'_>, live: &Live, new: &Rendered) -> Result<Instance, SystemError> {
        let before = self.bytes_in_force(owned, live)?;
        // Armed first: the write of the second file may fail, and the whole may be cancelled.
        let put_back = PutBack::new(owned, before);
        if owned.read()? != Bytes::of(new) {
            owned.write(&Bytes::of(new))?;
        }
        crash_point("route.written");
        let program = self.nginx.program();
        let dump = program.test().await?;
        self.includes(&dump, owned)?;
        let mut instance = self.instance(&dump, live).await?;
        if live.generations.first() == Some(&new.generation) {
            // It is in force: only the files may have been others, and workers of an earlier one may still serve.
            put_back.disarm();
            return Ok(instance);
        }
        instance.old = workers(instance.master).map_err(|source| SystemError::File {
            verb: "read",
            path: format!("/proc/{0}/task/{0}/children", instance.master).into(),
            source,
        })?;
        if may_write(live.generations.first()) {
            owned.begin_drain(&new.generation)?;
        }
        let log_size = instance.error_log.as_deref().map_or(0, size_of);
        program.reload().await?;
        crash_point("route.reloaded");
        if self.takes_hold(&new.generation).await {
            put_back.disarm();
            return Ok(instance);
        }
        put_back.now()?;
        Err(self.did_not_take_hold(&program, &instance, log_size).await)
    }

    /// What to put back: the bytes on disk, unless a crash left others there than those in force.
    fn bytes_in_force(&self, owned: &Owned<'_>, live: &Live) -> Result<Bytes, SystemError> {
        let on_disk = owned.read()?;
        let in_force = live.generations.first().and_then(|generation| {
            let again = self.render(&generation.to, generation.writes, &generation.run).ok()?;
            (again.generation == *generation).then(|| Bytes::of(&again))
        });
        Ok(in_force.unwrap_or(on_disk))
    }

    /// nginx must really read both files (`reference/lab.md` §1.2: a missing `;` swallows an include, with rc 0).
    fn includes(&self, dump: &Dump, owned: &Owned<'_>) -> Result<(), SystemError> {
        let canonical = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let read: Vec<PathBuf> = dump.files.iter().map(|file| canonical(file)).collect();
        for (name, block) in [(HTTP, "http"), (SERVER, "server")] {
            let path = owned.path(name);
            if !read.contains(&canonical(&path)) {
                let path = path.display();
                return Err(self.not_in_force(format!(
                    "nginx does not read {path}: add `include {path};` to the `{block}` block of the registry"
                )));
            }
        }
        Ok(())
    }

    /// The running nginx of that configuration, without its workers yet.
    async fn instance(&self, dump: &Dump, live: &Live) -> Result<Instance, SystemError> {
        let built = self.nginx.program().built().await?;
        let pid_file = built.prefix.join(dump.pid.as_ref().unwrap_or(&built.pid));
        let master = fs::read_to_string(&pid_file)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let master = master.filter(|pid| is_master(*pid)).ok_or_else(|| {
            self.not_in_force(format!("{} names no running nginx: is it started?", pid_file.display()))
        })?;
        if live.master.is_some_and(|answering| answering != master) {
            return Err(self.foreign(format!(
                "another nginx answers at {} than the one of {}",
                self.nginx.places.socket.display(),
                pid_file.display()
            )));
        }
        let declared = dump
            .error_log
            .as_ref()
            .filter(|log| !log.starts_with("syslog:") && *log != "stderr");
        let error_log = self
            .nginx
            .places
            .error_log
            .clone()
            .or_else(|| declared.map(|log| built.prefix.join(log)));
        Ok(Instance {
            master,
            old: Vec::new(),
            error_log,
            shutdown_timeout: dump.shutdown_timeout,
        })
    }

    /// Whether a fresh connection gets the new generation in time. Its master must be the one that was reloaded.
    async fn takes_hold(&self, new: &Generation) -> bool {
        let expected = new.to_string();
        let end = Instant::now() + TAKES_HOLD;
        while Instant::now() < end {
            if let Ok(Some(answer)) = live::ask(&self.nginx.places.socket).await
                && answer.generation == expected
                && master_of(answer.worker).is_some()
            {
                return true;
            }
            tokio::time::sleep(POLL).await;
        }
        false
    }

    async fn did_not_take_hold(&self, program: &Program<'_>, instance: &Instance, log_size: u64) -> SystemError {
        let said = instance
            .error_log
            .as_deref()
            .map_or_else(Vec::new, |log| new_messages(log, log_size));
        // A master that was only slow would load the files now; the old bytes are back, so it stays as it was either way.
        if let Err(error) = program.reload().await {
            tracing::debug!(error = %crate::system::causes(&error), "no second reload");
        }
        let why = if said.is_empty() {
            "its error log says nothing new".to_owned()
        } else {
            said.join("; ")
        };
        self.not_in_force(format!(
            "the reload did not take hold within {} s, and the files are as before: {why}",
            TAKES_HOLD.as_secs()
        ))
    }

    /// Waits until no old worker serves any more, or takes new connections any more where they only read.
    async fn drain(&self, instance: &Instance, since: Instant, only_reads: bool) -> Result<(), SystemError> {
        let shutdown = instance.shutdown_timeout.unwrap_or(SHUTDOWN_DEFAULT);
        let limit = self
            .nginx
            .spec
            .drain_timeout
            .map_or(shutdown + DRAIN_EXTRA, PlanDuration::get);
        let (mut told, mut told_at) = (0, since);
        loop {
            let serves = |worker: &&Worker| !(worker.is_gone() || only_reads && worker.is_shutting_down());
            let old = instance.old.iter().filter(serves).count();
            let all = if only_reads {
                0
            } else {
                self.nginx.draining(instance.master)?
            };
            let left = old.max(usize::try_from(all).unwrap_or(usize::MAX));
            if left == 0 {
                return Ok(());
            }
            let workers = if left == 1 { "worker serves" } else { "workers serve" };
            if since.elapsed() > limit {
                return Err(SystemError::Timeout {
                    what: format!(
                        "draining {} ({left} old {workers} requests of before; nothing was cut)",
                        self.nginx.name
                    ),
                    limit: PlanDuration::new(limit),
                });
            }
            if left != told || told_at.elapsed() > Duration::from_secs(1) {
                let seconds = since.elapsed().as_secs();
                self.log.say(format!(
                    "draining, {left} old {workers} requests of before, {seconds} s of at most {}",
                    PlanDuration::new(limit)
                ));
                (told, told_at) = (left, Instant::now());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Several fresh connections must all get the new generation.
    async fn confirm(&self, new: &Generation) -> Result<(), SystemError> {
        let live = self.agreed().await?;
        if live.generations.as_slice() == std::slice::from_ref(new) {
            return Ok(());
        }
        let found = live
            .generations
            .first()
            .map_or("nothing".to_owned(), ToString::to_string);
        Err(self.foreign(format!(
            "somebody changed the route meanwhile: {found} answers, {new} was installed"
        )))
    }

    async fn look_from_outside(&self, writes: RouteWrites) -> Result<(), SystemError> {
        let silent = |error: reqwest::Error| self.nginx.unreachable(self.nginx.url(), error.into());
        match self.nginx.public()?.contradiction(writes).await.map_err(silent)? {
            Some(reason) => Err(self.not_in_force(reason)),
            None => Ok(()),
        }
    }
}

/// Whether workers of that route may write; without a route of ours nothing holds writes back.
fn may_write(route: Option<&Generation>) -> bool {
    route.is_none_or(|route| route.writes != RouteWrites::Deny)
}

/// The mark of a drain that this change has to prove: its own, or that of an earlier freeze that it goes on with. Writes that
/// are allowed again need no proof of the freeze before.
fn unproven(
    owned: &Owned<'_>,
    new: &Generation,
    before: Option<&Generation>,
) -> Result<Option<DrainMark>, SystemError> {
    let goes_on = !may_write(before) && new.writes == RouteWrites::Deny;
    Ok(owned.drain_mark()?.filter(|mark| mark.is_of(new) || goes_on))
}

fn size_of(log: &Path) -> u64 {
    fs::metadata(log).map_or(0, |metadata| metadata.len())
}

/// The `[emerg]` and `[alert]` messages that came since; nothing when the log cannot be read.
fn new_messages(log: &Path, from: u64) -> Vec<String> {
    let mut text = Vec::new();
    let read = fs::File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.take(LOG_LIMIT).read_to_end(&mut text)
    });
    match read {
        Ok(_) => messages(&String::from_utf8_lossy(&text)),
        Err(error) => vec![format!("{} cannot be read: {error}", log.display())],
    }
}
