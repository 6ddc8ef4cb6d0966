//! Redirections, here-documents and descriptors.

use super::*;

impl<'t> Lowering<'t, '_> {
    /// A statement with redirections and here-documents.
    pub(super) fn redirected(&mut self, node: Node<'t>) {
        let mut cursor = node.walk();
        let redirects: Vec<Node<'t>> = node.children_by_field_name("redirect", &mut cursor).collect();
        let (mut parts, mut rest) = (Vec::new(), Vec::new());
        for redirect in redirects {
            self.redirect(redirect, &mut parts, &mut rest);
        }
        let body = node.child_by_field_name("body");
        if body.is_some_and(|body| self.document(body, node)) {
            return;
        }
        let stages: Vec<Node<'t>> = rest.iter().filter(|rest| rest.1).map(|rest| rest.0).collect();
        if stages.is_empty() {
            self.redirected_body(node, body, &parts);
        } else {
            // The grammar gives the rest of the pipeline to the here-document.
            self.mark(node, Mark::Pipeline);
            let printed = self.printed(node, |this| this.redirected_body(node, body, &parts));
            self.mark(node, Mark::Stage);
            self.stages_after(node, &stages, printed);
            self.mark(node, Mark::Done);
        }
        for (statement, _) in rest.into_iter().filter(|rest| !rest.1) {
            self.statement(statement);
        }
    }

    fn stages_after(&mut self, node: Node<'t>, stages: &[Node<'t>], input: Slot) {
        let stages: Vec<Node<'t>> = stages
            .iter()
            .flat_map(|stage| if stage.kind() == "pipeline" { named(*stage) } else { vec![*stage] })
            .collect();
        let mut input = input;
        for (at, stage) in stages.iter().enumerate() {
            if at > 0 {
                self.mark(node, Mark::Stage);
            }
            if at + 1 == stages.len() {
                self.fed(*stage, input, |this| this.statement(*stage));
            } else {
                let before = input;
                input = self.printed(*stage, |this| this.fed(*stage, before, |this| this.statement(*stage)));
            }
        }
    }

    /// A shell that reads a literal here-document runs it as part of the script.
    fn document(&mut self, body: Node<'t>, node: Node<'t>) -> bool {
        let words = named(body);
        let is_shell =
            matches!(words.as_slice(), [name] if body.kind() == "command" && SHELLS.contains(&self.raw(*name)));
        let mut cursor = node.walk();
        let redirects: Vec<Node<'t>> = node.children_by_field_name("redirect", &mut cursor).collect();
        let [one] = redirects.as_slice() else { return false };
        let parts = named(*one);
        let is_literal = parts.len() == 3 && parts.first().is_some_and(|start| self.raw(*start).contains(['\'', '"']));
        let text = parts.iter().find(|part| part.kind() == "heredoc_body").filter(|_| is_shell && is_literal);
        text.is_some_and(|text| self.inline(self.raw(*text), self.base + text.start_byte()))
    }

    fn redirected_body(&mut self, node: Node<'t>, body: Option<Node<'t>>, parts: &[(Role, Slot)]) {
        let Some(body) = body else {
            self.finish(
                node,
                Line { parts: parts.to_vec(), start: node.start_byte(), end: node.end_byte(), ..Line::default() },
            );
            return;
        };
        if body.kind() == "command" {
            self.command(body, parts.to_vec());
            return;
        }
        let input = parts.iter().rev().find_map(|(role, slot)| match role {
            Role::Input => Some(*slot),
            Role::From => Some(self.shell(node, ShellOp::ReadFile, &[*slot])),
            _ => None,
        });
        let outputs: Vec<(Role, Slot)> = parts
            .iter()
            .filter(|(role, _)| matches!(role, Role::Output | Role::Append | Role::Silent))
            .copied()
            .collect();
        let run = |this: &mut Self| match input {
            Some(input) => this.fed(node, input, |this| this.statement(body)),
            None => this.statement(body),
        };
        if outputs.is_empty() {
            run(self);
            return;
        }
        let printed = self.printed(node, run);
        for (role, path) in outputs {
            match role {
                Role::Output => self.shell(node, ShellOp::WriteFile, &[path, printed]),
                Role::Append => self.shell(node, ShellOp::AppendFile, &[path, printed]),
                _ => continue,
            };
        }
    }

    /// What a redirection means; statements that the grammar puts into it go to `rest`, with whether they are a
    /// pipeline's.
    pub(super) fn redirect(&mut self, node: Node<'t>, parts: &mut Vec<(Role, Slot)>, rest: &mut Vec<(Node<'t>, bool)>) {
        match node.kind() {
            "herestring_redirect" => {
                if let Some(word) = named(node).last() {
                    let text = self.word(*word);
                    let end = self.literal(node, "\n");
                    let all = self.out.pool(&[text, end]);
                    let line = self.emit(node, OpKind::Concat(all));
                    parts.push((Role::Input, line));
                }
            }
            "heredoc_redirect" => {
                for child in named(node) {
                    match child.kind() {
                        "heredoc_body" => {
                            let text = self.word(child);
                            parts.push((Role::Input, text));
                        }
                        "heredoc_start" | "heredoc_end" | "file_descriptor" => {}
                        "file_redirect" | "herestring_redirect" => self.redirect(child, parts, rest),
                        "pipeline" => rest.push((child, true)),
                        "word" | "string" | "raw_string" | "concatenation" | "simple_expansion" | "expansion" => {
                            let (role, slot) = self.role(child);
                            parts.push((role, slot));
                        }
                        _ => rest.push((child, false)),
                    }
                }
            }
            _ => self.file_redirect(node, parts),
        }
    }

    fn file_redirect(&mut self, node: Node<'t>, parts: &mut Vec<(Role, Slot)>) {
        let Some(destination) = node.child_by_field_name("destination") else { return };
        let raw = self.raw(node);
        let number = raw.len() - raw.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let named = raw.strip_prefix('{').and_then(|rest| rest.find('}')).map(|end| end + 2);
        let (descriptor, operator) = raw.split_at(named.unwrap_or(number));
        let is_number = destination.kind() == "number" || self.raw(destination) == "-";
        let is_copy = operator.starts_with("<&") || operator.starts_with(">&");
        if is_copy && let Some(of) = kept_descriptor(self.raw(destination)) {
            // What was opened under this number before; a variable may as well name a file.
            let mut path = self.variable(node, &of);
            if destination.kind() != "number" {
                let word = self.word(destination);
                let both = self.out.pool(&[path, word]);
                path = self.emit(node, OpKind::Join(both));
            }
            match operator.starts_with('<') {
                true => parts.push((Role::From, path)),
                false if descriptor != "2" => parts.push((Role::Append, path)),
                false => {}
            }
            return;
        }
        if !is_copy && let Some(own) = kept_descriptor(descriptor) {
            let path = self.word(destination);
            self.set(node, &own, path);
            return;
        }
        let target = self.word(destination);
        if operator.starts_with("<>") {
            parts.extend([(Role::From, target), (Role::Output, target)]);
        } else if operator.starts_with('<') {
            if !is_number {
                parts.push((Role::From, target));
            }
        } else if is_number {
            if descriptor != "2" && operator.starts_with(">&") && self.raw(destination) == "2" {
                parts.push((Role::Silent, target));
            }
        } else if descriptor != "2" {
            let role = if operator.contains(">>") { Role::Append } else { Role::Output };
            parts.push((role, target));
        }
    }
}

/// The variable that keeps what a descriptor was opened on: a number, or what a variable names. The three that every
/// program has need none.
fn kept_descriptor(word: &str) -> Option<String> {
    let name = word.trim_matches(['"', '$', '{', '}']);
    let is_number = name.bytes().all(|b| b.is_ascii_digit());
    let is_name = name.len() < word.len() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_kept = !name.is_empty() && (is_number || is_name) && !matches!(name, "0" | "1" | "2");
    is_kept.then(|| format!("@fd:{name}"))
}
