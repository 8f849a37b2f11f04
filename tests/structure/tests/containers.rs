//! The container files, as far as they can be checked without a builder: what they copy exists, and they build
//! what the workspace has.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::{collections::BTreeSet, fs};

use structure::top;

/// The instructions, with continued lines joined and comments left out.
fn instructions(file: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(top().join(file)).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let words = |line: &str| line.split_whitespace().map(ToOwned::to_owned).collect();
    joined
        .lines()
        .map(words)
        .filter(|words: &Vec<String>| !words.is_empty())
        .collect()
}

fn stages(instructions: &[Vec<String>]) -> Vec<String> {
    let stages = instructions.iter().filter(|words| words[0] == "FROM");
    stages.map(|words| words.last().unwrap().clone()).collect()
}

/// What the context does not contain.
fn ignored() -> Vec<String> {
    let text = fs::read_to_string(top().join(".dockerignore")).unwrap();
    text.lines()
        .map(|line| line.trim_end_matches('/').to_owned())
        .collect()
}

#[test]
fn what_is_copied_from_a_stage_or_the_context_is_there() {
    for file in ["Dockerfile", "image/Containerfile"] {
        let instructions = instructions(file);
        let mut known = BTreeSet::new();
        for words in &instructions {
            if words[0] == "FROM" {
                known.insert(words.last().unwrap().clone());
            }
            if words[0] != "COPY" {
                continue;
            }
            let from = words.iter().find_map(|word| word.strip_prefix("--from="));
            let sources: Vec<&String> = words[1..words.len() - 1]
                .iter()
                .filter(|word| !word.starts_with("--"))
                .collect();
            assert!(!sources.is_empty(), "{file}: {words:?}");
            match from {
                Some(stage) => assert!(
                    known.contains(stage),
                    "{file}: no stage {stage} before {words:?}"
                ),
                // image/build copies the binary into a context of its own, under the name of the stage.
                None if file.starts_with("image") => {
                    for source in sources {
                        assert_eq!(
                            Some(source),
                            known.iter().find(|stage| *stage == source),
                            "{file}"
                        );
                    }
                }
                None => {
                    for source in sources {
                        assert!(
                            top().join(source).exists(),
                            "{file}: {source} does not exist"
                        );
                        assert!(
                            !ignored().contains(source),
                            "{file}: {source} is in .dockerignore"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn the_context_has_every_member_of_the_workspace() {
    let ignored = ignored();
    let manifest = fs::read_to_string(top().join("Cargo.toml")).unwrap();
    let members = manifest.split_once("members = [").unwrap().1;
    let members = members.split_once(']').unwrap().0;
    let members = members.split('"').skip(1).step_by(2);
    let files = ["Cargo.toml", "Cargo.lock", "src", "crates"];
    for needed in members.chain(files) {
        let needed = needed.trim_end_matches("/*");
        assert!(top().join(needed).exists(), "{needed} does not exist");
        let first = needed.split('/').next().unwrap();
        for name in [first, needed] {
            assert!(
                !ignored.iter().any(|pattern| pattern == name),
                "{name} is in .dockerignore"
            );
        }
    }
}

#[test]
fn both_files_make_the_same_images_from_the_same_binaries() {
    let (docker, local) = (
        instructions("Dockerfile"),
        instructions("image/Containerfile"),
    );
    let images = ["zoom-receiver", "zoom-operator"];
    for (file, instructions) in [("Dockerfile", &docker), ("image/Containerfile", &local)] {
        let stages = stages(instructions);
        for image in images {
            assert!(
                stages.iter().any(|stage| stage == image),
                "{file} has no stage {image}"
            );
        }
        // `docker build .` makes the last one.
        assert_eq!(stages.last().unwrap(), "zoom-operator", "{file}");
        for words in instructions.iter().filter(|words| words[0] == "USER") {
            assert_eq!(
                words[1], "65532:65532",
                "{file}: a numeric user, which runAsNonRoot can judge"
            );
        }
    }
    let build = docker
        .iter()
        .flatten()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ");
    for image in images {
        for flag in ["--package", "--bin"] {
            assert!(build.contains(&format!("{flag} {image}")), "{flag} {image}");
        }
    }
    // The same flags as image/compile: static binaries for an empty image.
    let compile = fs::read_to_string(top().join("image/compile")).unwrap();
    for text in [&build, &compile] {
        assert!(text.contains("target-feature=+crt-static"));
    }
}

#[test]
fn the_image_has_the_compiler_of_the_workspace() {
    let text = fs::read_to_string(top().join("rust-toolchain.toml")).unwrap();
    let channel = text
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .unwrap();
    let channel = channel.trim_matches('"');
    let dockerfile = fs::read_to_string(top().join("Dockerfile")).unwrap();
    for wanted in [
        format!("rust:{channel}-"),
        format!("RUSTUP_TOOLCHAIN={channel} "),
    ] {
        assert!(dockerfile.contains(&wanted), "Dockerfile: {wanted}");
    }
}
