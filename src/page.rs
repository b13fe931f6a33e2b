//! HTML pages that need nothing else: no script, style, font or picture from elsewhere.
//!
//! What the pages of `eval` and `bench` share: the frame, the style, how numbers look, lines of drawings. Whatever is put
//! in is escaped by maud.

pub mod drawing;
pub mod numbers;

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page/page.css");

/// Lets a page use what is inside it and nothing else, even if a text should slip through as markup.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// A part of a page.
#[derive(Clone, Debug)]
pub struct Section {
    /// What links lead to.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What is in it.
    pub content: Markup,
}

/// A page with a line of links to its sections.
#[derive(Clone, Debug)]
pub struct Page {
    /// Title of the window.
    pub title: String,
    /// Rules on top of those that every page has.
    pub style: &'static str,
    /// A script that makes the page easier to use; it has to be complete without.
    pub script: Option<&'static str>,
    /// What stands above the links.
    pub head: Markup,
    /// The sections, in order.
    pub sections: Vec<Section>,
    /// What stands below.
    pub foot: Markup,
}

impl Page {
    /// Returns the page as a file holds it.
    #[must_use]
    pub fn into_string(self) -> String {
        let Self { title, style, script, head, sections, foot } = self;
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    title { (title) }
                    style { (PreEscaped(STYLE)) (PreEscaped(style)) }
                }
                body {
                    header { (head) }
                    nav aria-label="Sections" {
                        @for section in &sections { a href={ "#" (section.id) } { (section.title) } }
                    }
                    main {
                        @for section in &sections {
                            section id=(section.id) { h2 { (section.title) } (section.content) }
                        }
                    }
                    footer { (foot) }
                    @if let Some(script) = script { script { (PreEscaped(script)) } }
                }
            }
        };
        page.into_string()
    }
}
