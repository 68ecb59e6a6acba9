use std::path::Path;

use tokio::runtime::Runtime;

use super::{
    Exit,
    args::{ReportFormat, Verify},
    error::CliError,
    runtime,
    side::Place,
    terminal::Terminal,
};
use crate::{
    model::TextDiffs,
    registry::{Certificate, CertificateError, RestFacts, Sealed, VerifyReport, compare, texts_that_differ},
    report::{self, json::document},
    resource::{Ask, Export, Side, read_texts},
    system::{SystemError, write_atomically},
};

/// `verify`: whether two registries or exports hold the same, or whether an export is what a certificate says.
pub(super) fn run(arguments: &Verify, terminal: &Terminal) -> Result<Exit, CliError> {
    match (&arguments.certificate, arguments.places.as_slice()) {
        (None, [left, right]) => two(arguments, left, right, terminal),
        (Some(certificate), [export]) => against(arguments, certificate, export, terminal),
        (None, _) => Err(CliError::usage(
            "two places to compare are needed",
            "Name two addresses or export files: regplan verify http://v2:8080 http://v3:8080",
        )),
        (Some(_), _) => Err(CliError::usage(
            "a certificate is checked against one export",
            "Name it: regplan verify --certificate certificate.json backup.zip",
        )),
    }
}

fn two(arguments: &Verify, left: &str, right: &str, terminal: &Terminal) -> Result<Exit, CliError> {
    let spool = spool()?;
    let open = |text, name, login| Place::open(text, name, login, &arguments.side, spool.path());
    let (both, of_right) = (arguments.auth.as_ref(), arguments.auth_right.as_ref());
    let left = open(left, "the left registry", both)?;
    let right = open(right, "the right registry", of_right.or(both))?;
    let runtime = runtime::start()?;
    let places = (left, right);
    let (left, right) = runtime.block_on(async {
        let left = places.0.read(Ask::Latest, terminal).await?;
        Ok::<_, CliError>((left, places.1.read(Ask::Latest, terminal).await?))
    })?;
    let exports = (places.0.export(&left), places.1.export(&right));
    let sealed = (left.seal(), right.seal());
    let rest = RestFacts {
        left: left.facts,
        right: right.facts,
    };
    let comparison = compare(&left.snapshot, &right.snapshot, &rest, &arguments.accept);
    let mut report = VerifyReport::new(&sealed.0, &sealed.1, None, &comparison);
    if arguments.diff {
        report.texts = Some(diffs(&runtime, &sealed, exports)?);
    }
    if let Some(file) = &arguments.output.report {
        let text = match file.extension().is_some_and(|extension| extension == "md") {
            true => report.markdown(),
            false => document("the comparison", &report)?,
        };
        write(file, &text)?;
    }
    let text = match arguments.output.format() {
        ReportFormat::Json => document("the comparison", &report)?,
        ReportFormat::Markdown => report.markdown(),
        ReportFormat::Human => report::verify(&report, &terminal.look()),
    };
    let equal = report.equal;
    if let Some(file) = &arguments.write_certificate {
        let made = jiff::Timestamp::now().to_string();
        let certificate = Certificate::new(made, sealed, &comparison, &arguments.accept);
        write(file, &document("the certificate", &certificate)?)?;
    }
    terminal.data(&text)?;
    Ok(exit(equal))
}

/// The texts of versions that both sides have, and that differ.
fn diffs(runtime: &Runtime, sealed: &(Sealed, Sealed), exports: (Export, Export)) -> Result<TextDiffs, CliError> {
    let names = (sealed.0.identity.source.as_str(), sealed.1.identity.source.as_str());
    let changes = texts_that_differ(&exports.0.snapshot, &exports.1.snapshot, names);
    let texts = runtime.block_on(read_texts(changes, exports.0, exports.1));
    let texts = texts.map_err(|source| CliError::side("the exports", source))?;
    Ok(report::text_diffs(&texts))
}

/// A saved export against a certificate.
fn against(arguments: &Verify, certificate: &Path, export: &str, terminal: &Terminal) -> Result<Exit, CliError> {
    let failed = |source: CertificateError| CliError::Certificate {
        path: certificate.to_owned(),
        source,
    };
    let text = std::fs::read(certificate).map_err(|source| CliError::Io {
        doing: format!("read {}", certificate.display()),
        source,
    })?;
    let certificate = Certificate::parse(&text).map_err(failed)?;
    let spool = spool()?;
    let place = Place::open(
        export,
        "the registry",
        arguments.auth.as_ref(),
        &arguments.side,
        spool.path(),
    )?;
    let side: Side = runtime::start()?.block_on(place.read(Ask::Counts, terminal))?;
    let check = certificate.check(&side.seal());
    let text = match arguments.output.format() {
        ReportFormat::Json => document(
            "the check",
            &serde_json::json!({
                "format_version": 1, "export": side.identity, "made": certificate.made,
                "certified_equal": certificate.equal, "check": check,
            }),
        )?,
        ReportFormat::Human | ReportFormat::Markdown => {
            report::certificate(&check, &side.identity, &certificate.made, &terminal.look())
        }
    };
    if let Some(file) = &arguments.output.report {
        write(file, &text)?;
    }
    terminal.data(&text)?;
    if !certificate.equal {
        let n = certificate.differences.len();
        terminal.note(&format!(
            "The certificate itself says that its two sides differed, in {n} rows: it proves no move."
        ));
    }
    Ok(exit(check.equal && certificate.equal))
}

/// Where exports lie while they are read.
fn spool() -> Result<tempfile::TempDir, CliError> {
    tempfile::tempdir().map_err(|source| CliError::Io {
        doing: "make a temporary directory".to_owned(),
        source,
    })
}

fn write(file: &Path, text: &str) -> Result<(), CliError> {
    let written = write_atomically(file, |out| std::io::Write::write_all(out, text.as_bytes()));
    written.map_err(|source: SystemError| CliError::side(&file.display().to_string(), source))
}

fn exit(equal: bool) -> Exit {
    if equal { Exit::Done } else { Exit::CheckpointFailed }
}
