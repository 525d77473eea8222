//! Writes the manual into a directory: `cargo run --example man -- DIRECTORY`, or `make man`.

mod pages;

use std::fs;
use std::io::{Error, Result};
use std::path::PathBuf;

fn main() -> Result<()> {
    let usage = || Error::other("usage: man DIRECTORY");
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or_else(usage)?);
    for section in ["man1", "man7"] {
        fs::create_dir_all(folder.join(section))?;
    }
    for page in pages::pages() {
        fs::write(folder.join(page.path), page.text)?;
    }
    Ok(())
}
