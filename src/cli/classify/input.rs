//! Records from text, JSON Lines or CSV. A bad record is reported in its place; the rest goes on.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::error::Category;

use super::Defaults;
use crate::message::{Channel, MessageDraft, Options};

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
    /// One JSON object a line, with `text` and optionally `id`, `subject`, `channel`, `locale_hint`
    Jsonl,
    /// Comma-separated values; the header names the same fields
    Csv,
}

impl Format {
    /// Guesses by the extension of a file.
    pub(super) fn by_extension(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "txt" => Some(Self::Text),
            _ => None,
        }
    }
}

/// A message as a file gives it. Other fields, such as labels, are left alone.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub(super) struct Record {
    pub(super) text: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    locale_hint: Option<String>,
}

impl Record {
    /// Makes the draft of a message, or says which field is wrong.
    pub(super) fn draft(self, defaults: Defaults) -> Result<MessageDraft, String> {
        let given = self.channel.filter(|name| !name.is_empty());
        let channel = match given {
            Some(name) => channel(&name)
                .ok_or_else(|| format!("channel is none of {}", CHANNELS.join(", ")))?,
            None => defaults.channel,
        };
        Ok(MessageDraft {
            id: self.id.unwrap_or_default(),
            text: self.text,
            subject: self.subject.unwrap_or_default(),
            channel,
            locale_hint: self.locale_hint.unwrap_or_default(),
            options: Options { top_k: defaults.top_k.max(1), ..Options::default() },
            ..MessageDraft::default()
        })
    }
}

/// Names that [`channel`] knows.
pub(super) const CHANNELS: [&str; 6] = ["chat", "email", "social", "sms", "form", "review"];

/// Reads the name of a channel.
pub(super) fn channel(name: &str) -> Option<Channel> {
    match name {
        "chat" => Some(Channel::Chat),
        "email" => Some(Channel::Email),
        "social" => Some(Channel::Social),
        "sms" => Some(Channel::Sms),
        "form" => Some(Channel::Form),
        "review" => Some(Channel::Review),
        _ => None,
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
    pub(super) record: Result<Record, String>,
}

impl Line {
    /// Makes the line of a message that stands for itself.
    pub(super) fn of_text(number: u64, end: u64, text: String) -> Self {
        Self { number, end, record: Ok(Record { text, ..Record::default() }) }
    }
}

/// Reads every record and hands it over until `accept` says no.
pub(super) fn read(
    reader: Reader,
    format: Format,
    accept: impl FnMut(Line) -> bool,
) -> anyhow::Result<()> {
    match format {
        Format::Text => read_lines(reader, accept, |text| {
            Some(Ok(Record { text: text.to_owned(), ..Record::default() }))
        }),
        Format::Jsonl => read_lines(reader, accept, |text| {
            let blank = text.trim().is_empty();
            (!blank).then(|| serde_json::from_str(text).map_err(|error| reason(&error)))
        }),
        Format::Csv => read_csv(reader, accept),
    }
}

/// Says what is wrong with a JSON line without quoting it: it may hold what a customer wrote.
fn reason(error: &serde_json::Error) -> String {
    let column = error.column();
    match error.classify() {
        Category::Data => format!(
            "not a record: \"text\" is missing or a field has the wrong type, at column {column}"
        ),
        Category::Eof => format!("not JSON: ends at column {column}"),
        Category::Syntax | Category::Io => format!("not JSON at column {column}"),
    }
}

/// Reads line by line; `parse` returns `None` for a line to pass over.
fn read_lines(
    reader: Reader,
    mut accept: impl FnMut(Line) -> bool,
    parse: impl Fn(&str) -> Option<Result<Record, String>>,
) -> anyhow::Result<()> {
    let mut reader = BufReader::new(reader);
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

fn read_csv(reader: Reader, mut accept: impl FnMut(Line) -> bool) -> anyhow::Result<()> {
    let watch = Arc::new(Watch::default());
    let watched = Watched { inner: reader, watch: Arc::clone(&watch) };
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(watched);
    let headers = reader.headers().context("the CSV header can't be read")?;
    let headers: csv::StringRecord =
        headers.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
    if !headers.iter().any(|name| name == "text") {
        anyhow::bail!("the CSV header has no column \"text\" among its {}", headers.len());
    }
    let mut row = csv::ByteRecord::new();
    // One record is held back: only at the end is it known whether its last quote was ever closed.
    let mut held: Option<Line> = None;
    loop {
        let number = reader.position().line();
        watch.unfinished.store(0, Ordering::Relaxed);
        let record = match reader.read_byte_record(&mut row) {
            Ok(false) => break,
            Ok(true) => parse_row(&row, &headers),
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
    inner: Reader,
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

fn parse_row(row: &csv::ByteRecord, headers: &csv::StringRecord) -> Result<Record, String> {
    let row = csv::StringRecord::from_byte_record(row.clone())
        .map_err(|error| format!("not UTF-8 in column {}", error.utf8_error().field() + 1))?;
    row.deserialize(Some(headers)).map_err(|_| "the row does not fit the header".to_owned())
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
        assert_eq!((first.id.as_deref(), first.channel.as_deref()), (Some("1"), Some("email")));
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
