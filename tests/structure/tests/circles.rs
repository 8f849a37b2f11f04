//! No two files of a crate import each other, directly or by way of others.
//!
//! Files are read as Rust and every path in them is followed to the file that defines its first item, through
//! `pub use`. Modules under `#[cfg(test)]` are left out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{Attribute, Item, ItemUse, UseTree, visit::Visit};

#[test]
fn no_file_imports_itself_by_way_of_others() {
    let top = &Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut roots = vec![top.join("src/lib.rs")];
    for entry in fs::read_dir(top.join("crates")).unwrap() {
        roots.push(entry.unwrap().path().join("src/lib.rs"));
    }
    assert!(roots.len() > 5, "the crates were not found");
    let mut circles = Vec::new();
    for root in roots {
        let edges = Crate::read(&root).edges();
        assert!(!edges.is_empty());
        for circle in circles_of(&edges) {
            let within = |from: &String| {
                let to = edges[from].iter().filter(|to| circle.contains(to));
                format!("  {from} -> {}", to.cloned().collect::<Vec<_>>().join(", "))
            };
            let lines: Vec<String> = circle.iter().map(within).collect();
            circles.push(format!("in {}:\n{}", root.display(), lines.join("\n")));
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found_through_a_third_file_and_a_re_export() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("lib.rs", "mod a; mod b; mod c; pub use a::A;");
    write("a.rs", "pub struct A; fn f() -> crate::b::B { todo() }");
    write("b.rs", "use super::c; pub struct B(c::C);");
    write(
        "c.rs",
        "pub struct C(crate::A);\n#[cfg(test)] mod tests { use crate::b; }",
    );
    let edges = Crate::read(&directory.path().join("lib.rs")).edges();
    assert_eq!(circles_of(&edges), [["a", "b", "c"]]);
    write(
        "c.rs",
        "pub struct C;\n#[cfg(test)] mod tests { use crate::b; }",
    );
    let edges = Crate::read(&directory.path().join("lib.rs")).edges();
    assert!(circles_of(&edges).is_empty());
}

/// Segments of a module's path below the root of its crate.
type Name = Vec<String>;

/// The modules of a crate, one for each file.
struct Crate(BTreeMap<Name, Module>);

#[derive(Default)]
struct Module {
    children: BTreeSet<String>,
    /// What `use` brings in: the name here, and the path that it stands for.
    imports: BTreeMap<String, Name>,
    /// Every path in the file.
    paths: BTreeSet<Name>,
}

impl Crate {
    fn read(root: &Path) -> Self {
        let mut modules = BTreeMap::new();
        let mut open = vec![(Vec::new(), root.to_owned())];
        while let Some((name, file)) = open.pop() {
            let text = fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let mut module = Module::default();
            for item in syn::parse_file(&text).unwrap().items {
                if let Item::Mod(child) = &item {
                    if is_test(&child.attrs) {
                        continue;
                    }
                    if child.content.is_none() {
                        let child = child.ident.to_string();
                        let name = [&name[..], std::slice::from_ref(&child)].concat();
                        open.push((name, file_of(&file, &child)));
                        module.children.insert(child);
                        continue;
                    }
                }
                module.visit_item(&item);
            }
            modules.insert(name, module);
        }
        Self(modules)
    }

    /// Which module's file names an item of which other one's.
    fn edges(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut edges = BTreeMap::new();
        for (name, module) in &self.0 {
            let targets: &mut BTreeSet<String> = edges.entry(name.join("::")).or_default();
            for path in module.paths.iter().chain(module.imports.values()) {
                if let Some(target) = self.resolve(name, path, 0).filter(|target| target != name) {
                    targets.insert(target.join("::"));
                }
            }
        }
        edges
    }

    /// The module whose file has what `path`, written in the module `from`, leads to.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<Name> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => from.to_vec(),
            "super" => from.split_last()?.1.to_vec(),
            name if self.0[from].children.contains(name) => {
                rest = path;
                from.to_vec()
            }
            name => {
                let import = self.0[from].imports.get(name).filter(|_| depth < 8)?;
                let whole = [&import[..], rest].concat();
                return if whole == path {
                    None
                } else {
                    self.resolve(from, &whole, depth + 1)
                };
            }
        };
        while let Some((next, further)) = rest.split_first() {
            let module = &self.0[&at];
            if next == "super" {
                at.pop()?;
            } else if module.children.contains(next) {
                at.push(next.clone());
            } else if let Some(import) = module.imports.get(next).filter(|_| depth < 8) {
                let whole = [&import[..], further].concat();
                return self.resolve(&at, &whole, depth + 1).or(Some(at));
            } else {
                break;
            }
            rest = further;
        }
        Some(at)
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&item.tree, &mut Vec::new());
    }

    /// Who may see an item is not whom it needs.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let name: Name = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.paths.insert(name);
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        // What the common macros take is a list of expressions.
        let parser = syn::punctuated::Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated;
        if let Ok(arguments) = invoked.parse_body_with(parser) {
            for argument in &arguments {
                self.visit_expr(argument);
            }
        }
    }
}

impl Module {
    fn import(&mut self, tree: &UseTree, prefix: &mut Name) {
        let mut add = |name: &syn::Ident, own: &syn::Ident| {
            let mut path = prefix.clone();
            if own != "self" {
                path.push(own.to_string());
            }
            let name = if name == "self" {
                path.last().cloned()
            } else {
                Some(name.to_string())
            };
            self.imports.insert(name.unwrap_or_default(), path);
        };
        match tree {
            UseTree::Name(name) => add(&name.ident, &name.ident),
            // `as _` brings in a trait, once for each.
            UseTree::Rename(rename) if rename.rename == "_" => {
                let mut path = prefix.clone();
                path.push(rename.ident.to_string());
                self.paths.insert(path);
            }
            UseTree::Rename(rename) => add(&rename.rename, &rename.ident),
            UseTree::Glob(_) => {
                self.paths.insert(prefix.clone());
            }
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.import(&path.tree, prefix);
                prefix.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix);
                }
            }
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|flag| flag.is_ident("test"))
    })
}

/// The file of the module `child` that `file` declares.
fn file_of(file: &Path, child: &str) -> PathBuf {
    let stem = file.file_stem().unwrap();
    let directory = file.parent().unwrap();
    let directory = if ["lib", "main", "mod"].iter().any(|root| stem == *root) {
        directory.to_owned()
    } else {
        directory.join(stem)
    };
    let flat = directory.join(format!("{child}.rs"));
    if flat.exists() {
        flat
    } else {
        directory.join(child).join("mod.rs")
    }
}

/// Groups of modules each of which leads to every other one of its group.
fn circles_of(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> = edges
        .keys()
        .map(|from| {
            let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(at) = open.pop() {
                open.extend(
                    edges
                        .get(at)
                        .into_iter()
                        .flatten()
                        .filter(|next| reached.insert(*next)),
                );
            }
            (from, reached)
        })
        .collect();
    let mut circles: Vec<Vec<String>> = Vec::new();
    for from in edges.keys().filter(|from| reached[from].contains(from)) {
        if !circles.iter().flatten().any(|known| known == from) {
            let both = |to: &&&String| reached.get(**to).is_some_and(|back| back.contains(from));
            circles.push(
                reached[from]
                    .iter()
                    .filter(both)
                    .map(|to| (*to).clone())
                    .collect(),
            );
        }
    }
    circles
}
