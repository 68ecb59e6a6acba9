use std::{path::Path, time::Duration};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{Body, RECORD_FORMAT, Record, Store, StoreError, record::Link};
use crate::model::{Digest, RunId};

/// How long a write waits for another process's: its transactions last about one commit.
const BUSY: Duration = Duration::from_secs(5);

/// Statements kept prepared: more than this file has.
const STATEMENTS: usize = 16;

/// `user_version` of the file: raised when an old program could misread the tables.
const SCHEMA_VERSION: i64 = 1;

/// One run per plan and environment; records keep their own text, which is what the chain hashes.
const SCHEMA: &str = "
    create table if not exists run (
        id text primary key,
        plan text not null,
        environment text not null,
        unique (plan, environment)
    ) strict;
    create table if not exists record (
        run text not null references run (id),
        sequence integer not null,
        fence integer not null,
        format integer not null,
        hash text not null,
        body text not null check (json_valid(body)),
        primary key (run, sequence)
    ) strict;
    create table if not exists fence (
        id integer primary key check (id = 1),
        value integer not null
    ) strict;
    insert or ignore into fence (id, value) values (1, 0);
";

/// A journal in an SQLite file: WAL, `synchronous=FULL`, one commit for each record.
pub struct SqliteStore {
    connection: Connection,
}

impl SqliteStore {
    /// Opens it, or makes it with the directories above it.
    ///
    /// # Errors
    /// When the file cannot be opened or its disk cannot keep promises (no WAL).
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open {
            path: path.display().to_string(),
            source,
        };
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(|source| failed(source.into()))?;
        }
        let connection = Connection::open(path).map_err(|source| failed(source.into()))?;
        prepare(&connection).map_err(failed)?;
        Ok(Self { connection })
    }
}

/// Sets the connection's promises and makes the tables.
fn prepare(connection: &Connection) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Read back: a network disk answers with the mode it has instead of an error.
    let mode: String = connection.query_row("pragma journal_mode = wal", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(format!("its disk cannot do write-ahead logging (it offers `{mode}`): use a local disk").into());
    }
    connection.execute_batch("pragma synchronous = full; pragma foreign_keys = on; pragma trusted_schema = off;")?;
    let version: i64 = connection.query_row("pragma user_version", [], |row| row.get(0))?;
    if version > SCHEMA_VERSION {
        return Err(format!("it has layout {version}; this regplan knows {SCHEMA_VERSION}: use a newer one").into());
    }
    if version < SCHEMA_VERSION {
        connection.execute_batch(&format!(
            "begin immediate; {SCHEMA} pragma user_version = {SCHEMA_VERSION}; commit;"
        ))?;
    }
    Ok(())
}

fn read_failed(source: rusqlite::Error) -> StoreError {
    StoreError::Query {
        verb: "read",
        source: source.into(),
    }
}

fn write_failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Query {
        verb: "write",
        source: source.into(),
    }
}

/// SQLite's integers are signed; a number beyond them was never handed out by us.
fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(write_failed)
}

impl Store for SqliteStore {
    fn find_run(&self, plan: &str, environment: &str) -> Result<Option<RunId>, StoreError> {
        find(&self.connection, plan, environment).map_err(read_failed)
    }

    fn read(&self, run: &RunId) -> Result<Vec<Record>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select format, hash, body from record where run = ?1 order by sequence")
            .map_err(read_failed)?;
        let mut rows = statement.query([run.as_str()]).map_err(read_failed)?;
        let mut records = Vec::new();
        let mut link = Link::first();
        while let Some(row) = rows.next().map_err(read_failed)? {
            let format: u32 = row.get(0).map_err(read_failed)?;
            let sequence = link.sequence + 1;
            if format > RECORD_FORMAT {
                return Err(StoreError::Format {
                    sequence,
                    found: format,
                    known: RECORD_FORMAT,
                });
            }
            let hash = row.get_ref(1).map_err(read_failed)?.as_str();
            let text = row.get_ref(2).map_err(read_failed)?.as_str();
            let record = hash
                .ok()
                .zip(text.ok())
                .and_then(|(hash, text)| Record::unseal(text, hash, run, &link))
                .ok_or_else(|| StoreError::Chain {
                    run: run.clone(),
                    sequence,
                })?;
            link = record.link();
            records.push(record);
        }
        Ok(records)
    }

    fn append(&mut self, run: &RunId, fence: u64, body: Body) -> Result<Record, StoreError> {
        // Immediate: two writers that upgrade a read lock would deadlock.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(write_failed)?;
        let link = admit(&transaction, run, fence, &body)?;
        let (record, text) = Record::seal(run, fence, Timestamp::now(), &link, body).map_err(write_failed)?;
        insert(&transaction, &record, &text)?;
        transaction.commit().map_err(write_failed)?;
        Ok(record)
    }

    fn next_fence(&mut self) -> Result<u64, StoreError> {
        let next: i64 = self
            .connection
            .query_row(
                "update fence set value = value + 1 where id = 1 returning value",
                [],
                |row| row.get(0),
            )
            .map_err(write_failed)?;
        u64::try_from(next).map_err(write_failed)
    }
}

fn find(connection: &Connection, plan: &str, environment: &str) -> rusqlite::Result<Option<RunId>> {
    connection
        .prepare_cached("select id from run where plan = ?1 and environment = ?2")?
        .query_row([plan, environment], |row| row.get::<_, String>(0))
        .optional()
        .map(|id| id.map(RunId::new))
}

/// Whether this writer may append this body to this run now, and after which record.
fn admit(transaction: &Transaction<'_>, run: &RunId, fence: u64, body: &Body) -> Result<Link, StoreError> {
    let link = last(transaction, run).map_err(read_failed)?;
    let theirs: i64 = transaction
        .prepare_cached("select value from fence where id = 1")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(read_failed)?;
    let theirs = u64::try_from(theirs).map_err(write_failed)?;
    let theirs = theirs.max(link.as_ref().map_or(0, |link| link.fence));
    if fence < theirs {
        return Err(StoreError::Fenced { ours: fence, theirs });
    }
    let Body::RunStarted { plan, environment, .. } = body else {
        return link.ok_or_else(|| StoreError::NoRun { run: run.clone() });
    };
    if let Some(run) = find(transaction, plan, environment).map_err(read_failed)? {
        return Err(StoreError::RunExists { run });
    }
    transaction
        .prepare_cached("insert into run (id, plan, environment) values (?1, ?2, ?3)")
        .and_then(|mut statement| statement.execute([run.as_str(), plan, environment]))
        .map_err(write_failed)?;
    Ok(Link::first())
}

/// The place of the last record of a run.
fn last(connection: &Connection, run: &RunId) -> rusqlite::Result<Option<Link>> {
    connection
        .prepare_cached("select sequence, fence, hash from record where run = ?1 order by sequence desc limit 1")?
        .query_row([run.as_str()], |row| {
            Ok(Link {
                sequence: row.get::<_, i64>(0)?.unsigned_abs(),
                fence: row.get::<_, i64>(1)?.unsigned_abs(),
                hash: Digest::new(row.get::<_, String>(2)?),
            })
        })
        .optional()
}

fn insert(transaction: &Transaction<'_>, record: &Record, text: &str) -> Result<(), StoreError> {
    let (sequence, fence) = (signed(record.sequence)?, signed(record.fence)?);
    transaction
        .prepare_cached("insert into record (run, sequence, fence, format, hash, body) values (?1, ?2, ?3, ?4, ?5, ?6)")
        .and_then(|mut statement| {
            statement.execute(params![
                record.run.as_str(),
                sequence,
                fence,
                record.format_version,
                record.hash.as_str(),
                text
            ])
        })
        .map_err(write_failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::conformance;

    fn file() -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".regplan/state.db");
        (directory, path)
    }

    #[test]
    fn a_store_in_a_file_keeps_the_promises_of_a_store() {
        conformance::all(&mut || {
            let (directory, path) = file();
            conformance::Lab::new(directory, move || Box::new(SqliteStore::open(&path).unwrap()))
        });
    }

    fn three_records(path: &Path) -> RunId {
        let mut store = SqliteStore::open(path).unwrap();
        let run = RunId::from("r");
        let fence = store.next_fence().unwrap();
        store.append(&run, fence, conformance::run_started("p", "e")).unwrap();
        for signal in ["SIGINT", "SIGTERM"] {
            store.append(&run, fence, conformance::interrupted(signal)).unwrap();
        }
        run
    }

    /// Opens the file behind the store's back, as somebody with a shell would.
    fn alter(path: &Path, statement: &str) -> StoreError {
        let run = three_records(path);
        let connection = Connection::open(path).unwrap();
        assert!(connection.execute(statement, []).unwrap() > 0);
        SqliteStore::open(path).unwrap().read(&run).unwrap_err()
    }

    #[test]
    fn an_altered_record_is_named() {
        for (statement, at) in [
            (
                "update record set body = replace(body, 'SIGINT', 'SIGHUP') where sequence = 2",
                2,
            ),
            ("update record set body = '{}' where sequence = 3", 3),
            ("update record set hash = '' where sequence = 1", 1),
            ("delete from record where sequence = 2", 2),
            ("delete from record where sequence = 1", 1),
            ("update record set sequence = -sequence", 1),
        ] {
            let (_directory, path) = file();
            let error = alter(&path, statement);
            assert!(
                matches!(error, StoreError::Chain { sequence, .. } if sequence == at),
                "{statement}: {error}"
            );
        }
    }

    #[test]
    fn a_record_of_a_newer_program_is_refused_by_its_format() {
        let (_directory, path) = file();
        let error = alter(&path, "update record set format = 2 where sequence = 3");
        assert_eq!(
            error.to_string(),
            "record 3 has format 2; this regplan reads up to 1: use a newer one"
        );
    }

    #[test]
    fn a_file_of_a_newer_layout_is_refused() {
        let (_directory, path) = file();
        three_records(&path);
        Connection::open(&path)
            .unwrap()
            .execute_batch("pragma user_version = 2")
            .unwrap();
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::Open { .. })));
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_when_it_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.db");
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), &[b'x'; 4096]).unwrap();
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::Open { .. })));
    }

    #[test]
    fn the_file_is_written_through() {
        let (_directory, path) = file();
        let store = SqliteStore::open(&path).unwrap();
        let pragma = |name: &str| -> String {
            store
                .connection
                .query_row(&format!("select cast({name} as text) from pragma_{name}"), [], |row| {
                    row.get(0)
                })
                .unwrap()
        };
        assert_eq!(
            (pragma("journal_mode").as_str(), pragma("synchronous").as_str()),
            ("wal", "2")
        );
    }
}
