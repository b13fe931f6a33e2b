//! Records from text, JSON Lines or CSV. A bad record is reported in its place; the rest goes on.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;

use clap::ValueEnum;
use serde_json::error::Category;

use crate::message::{Channel, MessageRecord};

/// Where bytes come from.
pub(super) type Reader = Box<dyn Read + Send>;

/// Bytes of one line at most. Far over any message that is accepted; it only keeps a file without line ends from
/// filling the memory.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// What the input looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Format {
    /// One message a line
    Text,
    /// One JSON object a line, with `text` and optionally the other fields of a request (see the README)
    Jsonl,
    /// Values separated by commas, semicolons or tabs; the header names `text` and optionally `id`, `subject`,
    /// `channel`, `locale_hint`, `tenant`, `sent_at`
    Csv,
}

impl Format {
    /// Guesses by the extension of a file.
    pub(super) fn by_extension(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            "csv" | "tsv" => Some(Self::Csv),
            "txt" => Some(Self::Text),
            _ => None,
        }
    }
}

/// A record, or why there is none, with its place in the input.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    /// Line on which it begins, counted from 1.
    pub(super) number: u64,
    /// Bytes of the input up to its end.
    pub(super) end: u64,
    /// The record, or what is wrong with it.
    pub(super) record: Result<MessageRecord, String>,
}

impl Line {
    /// Makes the line of a message that stands for itself.
    pub(super) fn of_text(number: u64, end: u64, text: String) -> Self {
        Self { number, end, record: Ok(MessageRecord { text, ..MessageRecord::default() }) }
    }
}

/// Reads every record and hands it over until `accept` says no.
pub(super) fn read(
    reader: Reader,
    format: Format,
    accept: impl FnMut(Line) -> bool,
) -> anyhow::Result<()> {
    let mut reader = BufReader::new(reader);
    if matches!(reader.fill_buf()?, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        anyhow::bail!("the input is UTF-16; save it as UTF-8");
    }
    match format {
        Format::Text => read_lines(reader, accept, |text| {
            Some(Ok(MessageRecord { text: text.to_owned(), ..MessageRecord::default() }))
        }),
        Format::Jsonl => read_lines(reader, accept, |text| {
            let blank = text.trim().is_empty();
            (!blank).then(|| parse_json(text))
        }),
        Format::Csv => read_csv(reader, accept),
    }
}

/// Reads a JSON line, or says what is wrong with it without quoting it: it may hold what a customer wrote.
fn parse_json(text: &str) -> Result<MessageRecord, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let record = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.inner());
        let column = error.column();
        match error.classify() {
            Category::Data if path == "." => {
                format!("not a record: \"text\" is missing, at column {column}")
            }
            Category::Data => format!("{}, at column {column}", wrong(&path)),
            Category::Eof => format!("not JSON: ends at column {column}"),
            Category::Syntax | Category::Io => format!("not JSON at column {column}"),
        }
    })?;
    deserializer.end().map_err(|error| format!("not JSON at column {}", error.column()))?;
    Ok(record)
}

/// Says that a field can't be read, without its value.
fn wrong(path: &str) -> String {
    if path == "channel" {
        return format!("channel is none of {}", Channel::NAMED.map(Channel::as_str).join(", "));
    }
    format!("{path} has the wrong type or value")
}

/// Reads line by line; `parse` returns `None` for a line to pass over.
fn read_lines(
    mut reader: BufReader<Reader>,
    mut accept: impl FnMut(Line) -> bool,
    parse: impl Fn(&str) -> Option<Result<MessageRecord, String>>,
) -> anyhow::Result<()> {
    let (mut number, mut end) = (0, 0);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let mut length = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)? as u64;
        if length == 0 {
            return Ok(());
        }
        number += 1;
        let record = if length == MAX_LINE_BYTES && !bytes.ends_with(b"\n") {
            length += skip_line(&mut reader)?;
            Some(Err(format!("longer than {MAX_LINE_BYTES} bytes")))
        } else {
            match std::str::from_utf8(&bytes) {
                Ok(text) => parse(trim_line(text, number)),
                Err(error) => Some(Err(format!("not UTF-8 at byte {}", error.valid_up_to()))),
            }
        };
        end += length;
        if let Some(record) = record
            && !accept(Line { number, end, record })
        {
            return Ok(());
        }
    }
}

/// Takes off the line end, and the byte-order mark that some programs put first.
fn trim_line(text: &str, number: u64) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if number == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text }
}

/// Passes over the rest of a line without keeping it; returns its length.
fn skip_line(reader: &mut impl BufRead) -> std::io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(skipped);
        }
        let newline = buffer.iter().position(|byte| *byte == b'\n');
        let used = newline.map_or(buffer.len(), |position| position + 1);
        reader.consume(used);
        skipped += used as u64;
        if newline.is_some() {
            return Ok(skipped);
        }
    }
}

fn read_csv(
    mut reader: BufReader<Reader>,
    mut accept: impl FnMut(Line) -> bool,
) -> anyhow::Result<()> {
    let delimiter = delimiter(reader.fill_buf()?);
    let watch = Arc::new(Watch::default());
    let watched = Watched { inner: reader, watch: Arc::clone(&watch) };
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(false).from_reader(watched);
    let columns = Columns::of(reader.headers().context("the CSV header can't be read")?)?;
    let mut row = csv::ByteRecord::new();
    // One record is held back: only at the end is it known whether its last quote was ever closed.
    let mut held: Option<Line> = None;
    loop {
        let number = reader.position().line();
        watch.unfinished.store(0, Ordering::Relaxed);
        let record = match reader.read_byte_record(&mut row) {
            Ok(false) => break,
            Ok(true) => columns.parse(&row),
            Err(error) if matches!(error.kind(), csv::ErrorKind::Io(_)) => {
                return Err(error).with_context(|| format!("reading the record on line {number}"));
            }
            Err(error) => Err(error.to_string()),
        };
        let end = reader.position().byte();
        if let Some(line) = held.replace(Line { number, end, record })
            && !accept(line)
        {
            return Ok(());
        }
    }
    if let Some(mut last) = held {
        if watch.quotes.load(Ordering::Relaxed) % 2 == 1 {
            last.record = Err("a quote is opened on this line or after it and never closed".into());
        }
        accept(last);
    }
    Ok(())
}

/// What has gone through a [`Watched`] reader.
#[derive(Debug, Default)]
struct Watch {
    /// Quotation marks. Inside a quoted cell they are doubled, so that a whole file has an even number.
    quotes: AtomicU64,
    /// Bytes since the last record.
    unfinished: AtomicU64,
}

/// Counts, and ends a record that has no end.
struct Watched {
    inner: BufReader<Reader>,
    watch: Arc<Watch>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let quotes = buffer.iter().take(length).filter(|byte| **byte == b'"').count();
        self.watch.quotes.fetch_add(quotes as u64, Ordering::Relaxed);
        let before = self.watch.unfinished.fetch_add(length as u64, Ordering::Relaxed);
        if before > MAX_LINE_BYTES {
            let message = format!("the record has over {MAX_LINE_BYTES} bytes");
            return Err(std::io::Error::other(message));
        }
        Ok(length)
    }
}

/// Guesses what separates the values: what makes `text` a column of the header. Spreadsheets of many countries write
/// semicolons.
fn delimiter(beginning: &[u8]) -> u8 {
    let header = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let header = String::from_utf8_lossy(header);
    let separates = |delimiter: &char| header.split(*delimiter).any(|name| is_column(name, TEXT));
    match [',', ';', '\t'].into_iter().find(separates) {
        Some(';') => b';',
        Some('\t') => b'\t',
        _ => b',',
    }
}

/// The column that must be there.
const TEXT: &str = "text";

fn is_column(header: &str, name: &str) -> bool {
    let header = header.trim_matches(['\u{feff}', '"', ' ', '\r']);
    header.eq_ignore_ascii_case(name)
}

/// Where the fields of a record stand in a row.
struct Columns {
    /// (field, column)
    fields: Vec<(&'static str, usize)>,
}

impl Columns {
    const FIELDS: [&'static str; 7] =
        [TEXT, "id", "subject", "channel", "locale_hint", "tenant", "sent_at"];

    fn of(header: &csv::StringRecord) -> anyhow::Result<Self> {
        let column = |field| header.iter().position(|name| is_column(name, field));
        let fields: Vec<_> = Self::FIELDS
            .into_iter()
            .filter_map(|field| column(field).map(|column| (field, column)))
            .collect();
        if !fields.iter().any(|(field, _)| *field == TEXT) {
            anyhow::bail!("the CSV header has no column \"text\" among its {}", header.len());
        }
        Ok(Self { fields })
    }

    /// Reads a row as if it were an object of texts, so that CSV and JSON follow the same rules.
    fn parse(&self, row: &csv::ByteRecord) -> Result<MessageRecord, String> {
        let mut object = serde_json::Map::new();
        for (field, column) in &self.fields {
            let value = std::str::from_utf8(row.get(*column).unwrap_or_default())
                .map_err(|_| format!("not UTF-8 in column {}", column + 1))?;
            if !value.is_empty() || *field == TEXT {
                object.insert((*field).to_owned(), value.into());
            }
        }
        serde_path_to_error::deserialize(serde_json::Value::Object(object))
            .map_err(|error| wrong(&error.path().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(format: Format, input: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        let reader: Reader = Box::new(std::io::Cursor::new(input.to_vec()));
        read(reader, format, |line| {
            lines.push(line);
            true
        })
        .unwrap();
        lines
    }

    fn texts(lines: &[Line]) -> Vec<(u64, Result<&str, ()>)> {
        lines
            .iter()
            .map(|line| {
                (line.number, line.record.as_ref().map(|r| r.text.as_str()).map_err(|_| ()))
            })
            .collect()
    }

    #[test]
    fn text_gives_one_record_a_line() {
        let lines = lines(Format::Text, "\u{feff}eins\r\n\nzwei".as_bytes());

        assert_eq!(texts(&lines), [(1, Ok("eins")), (2, Ok("")), (3, Ok("zwei"))]);
        assert_eq!(lines[2].end, 14);
    }

    #[test]
    fn bad_line_is_reported_with_its_number_and_the_rest_goes_on() {
        let input =
            b"{\"text\":\"a\",\"intents\":[]}\n\n{\"txt\":1}\n\xff\n{\"text\":\"b\",\"id\":\"7\"}";

        let lines = lines(Format::Jsonl, input);

        assert_eq!(texts(&lines), [(1, Ok("a")), (3, Err(())), (4, Err(())), (5, Ok("b"))]);
        assert!(lines[1].record.as_ref().unwrap_err().contains("text"));
    }

    #[test]
    fn csv_takes_fields_by_name_and_survives_bad_rows() {
        let input =
            b"id,text,channel\n1,\"two\nlines\",email\n2,too,many,cells\n3,\xff,chat\n4,last,\n";

        let lines = lines(Format::Csv, input);

        assert_eq!(
            texts(&lines),
            [(2, Ok("two\nlines")), (4, Err(())), (5, Err(())), (6, Ok("last"))]
        );
        let first = lines[0].record.clone().unwrap();
        assert_eq!((first.id.as_str(), first.channel), ("1", Some(Channel::Email)));
    }

    #[test]
    fn csv_takes_semicolons_tabs_and_headers_in_any_case() {
        for input in ["ID;Text\n007;hi", "\u{feff}\"Text\"\tid\nhi\t007", "text,id\r\nhi,007\r\n"] {
            let lines = lines(Format::Csv, input.as_bytes());
            let record = lines[0].record.clone().unwrap();
            assert_eq!((record.text.as_str(), record.id.as_str()), ("hi", "007"), "{input:?}");
        }
    }

    #[test]
    fn wrong_field_is_named_and_its_value_is_not_quoted() {
        let csv = lines(Format::Csv, b"text,channel\nhi,secret\n");
        let json = lines(Format::Jsonl, br#"{"text": "", "customer": {"tier": "secret"}}"#);

        let error = csv[0].record.clone().unwrap_err();
        assert!(error.starts_with("channel is none of") && !error.contains("secret"), "{error}");
        let error = json[0].record.clone().unwrap_err();
        assert!(error.starts_with("customer.tier has the wrong") && !error.contains("secret"));
    }

    #[test]
    fn utf_16_is_refused_with_advice() {
        let reader: Reader = Box::new(std::io::Cursor::new(b"\xff\xfeh\0i\0".to_vec()));

        let error = read(reader, Format::Text, |_| true).unwrap_err();

        assert!(error.to_string().contains("UTF-8"), "{error}");
    }

    #[test]
    fn quote_that_is_never_closed_is_reported() {
        let input = b"id,text\n1,fine\n2,\"never closed\n3,lost\n4,lost\n";

        let lines = lines(Format::Csv, input);

        assert_eq!(texts(&lines), [(2, Ok("fine")), (3, Err(()))]);
        assert!(lines[1].record.as_ref().unwrap_err().contains("never closed"));
    }

    #[test]
    fn record_without_an_end_does_not_fill_the_memory() {
        let endless = std::io::repeat(b'a').take(100 << 20);
        let reader: Reader = Box::new(std::io::Cursor::new(b"text\n\"".to_vec()).chain(endless));

        let error = read(reader, Format::Csv, |_| true).unwrap_err();

        assert!(format!("{error:#}").contains("line 2"), "{error:#}");
    }

    #[test]
    fn reasons_do_not_quote_what_a_customer_wrote() {
        for input in ["\"secret\"", "{\"text\":[\"secret\"]}", "{\"txt\":\"secret\"}", "secret"] {
            let lines = lines(Format::Jsonl, input.as_bytes());
            assert!(!lines[0].record.as_ref().unwrap_err().contains("secret"), "{input}");
        }
        let reader: Reader = Box::new(std::io::Cursor::new(b"secret,row\n".to_vec()));
        let error = read(reader, Format::Csv, |_| true).unwrap_err();
        assert!(!format!("{error:#}").contains("secret"), "{error:#}");
    }

    #[test]
    fn csv_without_a_text_column_is_refused() {
        let reader: Reader = Box::new(std::io::Cursor::new(b"id,message\n1,hi\n".to_vec()));

        assert!(read(reader, Format::Csv, |_| true).unwrap_err().to_string().contains("\"text\""));
    }

    #[test]
    fn line_over_the_limit_is_passed_over() {
        let mut input = vec![b'a'; usize::try_from(MAX_LINE_BYTES).unwrap() + 10];
        input.extend_from_slice(b"\nnext\n");

        let lines = lines(Format::Text, &input);

        assert_eq!(texts(&lines), [(1, Err(())), (2, Ok("next"))]);
        assert_eq!(lines[1].end, input.len() as u64);
    }
}
