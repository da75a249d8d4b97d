// `oci2cfs completion bash|zsh|fish`: scripts made from the command tree, so that they cannot fall behind it.

import type { Command } from "commander";
import { Oci2cfsError } from "../errors.ts";
import { print } from "./session.ts";

interface Verb {
  readonly name: string;
  readonly description: string;
  readonly options: readonly { readonly flags: readonly string[]; readonly description: string }[];
}

const shells: Readonly<Record<string, (verbs: readonly Verb[]) => string>> = { bash, zsh, fish };

export function addCompletion(program: Command): void {
  program
    .command("completion")
    .description("print a completion script for a shell")
    .argument("<shell>", Object.keys(shells).join(", "))
    .addHelpText(
      "after",
      `
Examples:
  oci2cfs completion bash > /usr/share/bash-completion/completions/oci2cfs
  oci2cfs completion zsh > /usr/share/zsh/site-functions/_oci2cfs
  oci2cfs completion fish > /usr/share/fish/vendor_completions.d/oci2cfs.fish`,
    )
    .action((shell: string) => {
      const script = shells[shell];
      if (script === undefined) {
        throw new Oci2cfsError("usage", `no completion for "${shell}"`, {
          hint: `the shells are ${Object.keys(shells).join(", ")}`,
        });
      }
      print(script(program.commands.map(describeVerb)));
    });
}

function describeVerb(command: Command): Verb {
  return {
    name: command.name(),
    description: command.description(),
    options: command.options.map((option) => ({
      flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null),
      description: option.description,
    })),
  };
}

const allFlags = (verb: Verb): string => verb.options.flatMap((option) => option.flags).join(" ");

function bash(verbs: readonly Verb[]): string {
  return `# bash completion for oci2cfs
_oci2cfs() {
  local cur=\${COMP_WORDS[COMP_CWORD]} verb= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in ${verbs.map((verb) => verb.name).join("|")}) verb=$word; break ;; esac
  done
  if [[ -z $verb ]]; then
    COMPREPLY=($(compgen -W "${verbs.map((verb) => verb.name).join(" ")} --repo --log-level --quiet --verbose --progress-fd --help --version" -- "$cur"))
    return
  fi
  if [[ $cur == -* ]]; then
    case $verb in
${verbs.map((verb) => `      ${verb.name}) COMPREPLY=($(compgen -W "${allFlags(verb)} --help" -- "$cur")) ;;`).join("\n")}
    esac
  else
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -F _oci2cfs oci2cfs`;
}

const zshQuote = (text: string): string => text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, "\\$&");

function zsh(verbs: readonly Verb[]): string {
  return `#compdef oci2cfs
_oci2cfs() {
  local -a verbs
  verbs=(
${verbs.map((verb) => `    '${verb.name}:${zshQuote(verb.description)}'`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe 'verb' verbs
    return
  fi
  case $words[2] in
${verbs
  .map((verb) => {
    const specs = verb.options.flatMap((option) =>
      option.flags.map((flag) => `'${flag}[${zshQuote(option.description)}]'`),
    );
    return `    ${verb.name}) _arguments ${[...specs, "'*:file:_files'"].join(" ")} ;;`;
  })
  .join("\n")}
  esac
}
_oci2cfs "$@"`;
}

const fishQuote = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");

function fish(verbs: readonly Verb[]): string {
  const lines = verbs.flatMap((verb) => [
    `complete -c oci2cfs -f -n __fish_use_subcommand -a ${verb.name} -d '${fishQuote(verb.description)}'`,
    ...verb.options.map((option) => {
      const flags = option.flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
      return `complete -c oci2cfs -n '__fish_seen_subcommand_from ${verb.name}' ${flags.join(" ")} -d '${fishQuote(option.description)}'`;
    }),
  ]);
  return ["# fish completion for oci2cfs", ...lines].join("\n");
}
