/** Completion scripts for shells, generated from commander's own metadata so that they cannot fall behind it. */
import type { Argument, Command, Option } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

interface Completed {
  readonly name: string;
  readonly doc: string;
  readonly options: readonly Option[];
  /** Words that the first argument may be, when they are known. */
  readonly words: readonly string[];
}

export function completionScript(program: Command, shell: Shell): string {
  const commands = program.commands.map(describe);
  const own = [...program.options];
  switch (shell) {
    case "bash":
      return bash(program.name(), commands, own);
    case "zsh":
      return zsh(program.name(), commands, own);
    case "fish":
      return fish(program.name(), commands, own);
  }
}

function describe(command: Command): Completed {
  const help = command.createHelp();
  return {
    name: command.name(),
    doc: command.description(),
    options: help.visibleOptions(command),
    words: wordsOf(command.registeredArguments[0]),
  };
}

/** An argument's choices, or a description that is nothing but a list of words. */
function wordsOf(argument: Argument | undefined): readonly string[] {
  if (!argument) return [];
  if (argument.argChoices) return argument.argChoices;
  const words = argument.description.split(", ");
  return words.length > 1 && words.every((word) => /^[a-z0-9-]+$/.test(word)) ? words : [];
}

const flagsOf = (option: Option): string[] =>
  [option.short, option.long].filter((flag) => flag !== undefined);
const takesValue = (option: Option): boolean => option.required || option.optional;
/** Inside single quotes of a POSIX shell. */
const quoted = (text: string): string => text.replaceAll("'", "'\\''");

function bash(program: string, commands: readonly Completed[], own: readonly Option[]): string {
  const cases = commands.map((command) => {
    const valued = command.options.filter(takesValue).flatMap(flagsOf);
    const values = command.options
      .filter((o) => o.argChoices)
      .map(
        (o) =>
          `        ${flagsOf(o).join("|")}) COMPREPLY=($(compgen -W '${o.argChoices!.join(" ")}' -- "$word")); return ;;`,
      );
    const words = [...command.options.flatMap(flagsOf), ...command.words].join(" ");
    return [
      `    ${command.name})`,
      `      case "$before" in`,
      ...values,
      ...(valued.length > 0
        ? [`        ${valued.join("|")}) COMPREPLY=($(compgen -f -- "$word")); return ;;`]
        : []),
      "      esac",
      `      COMPREPLY=($(compgen -W '${words}' -- "$word"))`,
      `      [[ "$word" == -* ]] || COMPREPLY+=($(compgen -f -- "$word"))`,
      "      ;;",
    ].join("\n");
  });
  const first = [...commands.map((c) => c.name), ...own.flatMap(flagsOf), "help"].join(" ");
  return `# bash completion for ${program}
_${program}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=($(compgen -W '${first}' -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
}
complete -o filenames -F _${program} ${program}
`;
}

function zsh(program: string, commands: readonly Completed[], own: readonly Option[]): string {
  const spec = (option: Option): string[] => {
    const value = takesValue(option)
      ? `:${option.attributeName()}:${option.argChoices ? `(${option.argChoices.join(" ")})` : "_files"}`
      : "";
    const doc = option.description.replaceAll("[", "(").replaceAll("]", ")").replaceAll(":", "\\:");
    return flagsOf(option).map((flag) => `'${quoted(`${flag}[${doc}]${value}`)}'`);
  };
  const listed = commands.map((c) => `    '${quoted(`${c.name}:${c.doc.replaceAll(":", "\\:")}`)}'`);
  const cases = commands.map((c) => {
    const rest = c.words.length > 0 ? `'1:word:(${c.words.join(" ")})'` : "'*:file:_files'";
    return `    ${c.name}) _arguments ${[...c.options.flatMap(spec), rest].join(" \\\n      ")} ;;`;
  });
  return `#compdef ${program}
_${program}() {
  local -a commands
  commands=(
${listed.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    _arguments ${own.flatMap(spec).join(" ")}
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = "_${program}" ]; then _${program} "$@"; else compdef _${program} ${program}; fi
`;
}

function fish(program: string, commands: readonly Completed[], own: readonly Option[]): string {
  const line = (condition: string, option: Option): string =>
    [
      `complete -c ${program} -n '${condition}'`,
      ...(option.long ? [`-l ${option.long.slice(2)}`] : []),
      ...(option.short ? [`-s ${option.short.slice(1)}`] : []),
      ...(takesValue(option) ? ["-r"] : []),
      ...(option.argChoices ? [`-f -a '${option.argChoices.join(" ")}'`] : []),
      `-d '${quoted(option.description)}'`,
    ].join(" ");
  const lines = [`# fish completion for ${program}`];
  for (const option of own) lines.push(line("__fish_use_subcommand", option));
  for (const command of commands) {
    const inside = `__fish_seen_subcommand_from ${command.name}`;
    lines.push(
      `complete -c ${program} -n '__fish_use_subcommand' -f -a '${command.name}' -d '${quoted(command.doc)}'`,
    );
    if (command.words.length > 0)
      lines.push(`complete -c ${program} -n '${inside}' -f -a '${command.words.join(" ")}'`);
    for (const option of command.options) lines.push(line(inside, option));
  }
  return `${lines.join("\n")}\n`;
}
