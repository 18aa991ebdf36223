/** The file of clients' secrets: a line is 'name token', or a token alone, whose name is 'default'. */

/** Names and tokens, in the file's order. */
export function parseTokens(text: string): [name: string, token: string][] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first !== '')
    .map((words) => (words.length === 1 ? ['default', words[0]] : [words[0], words[1]]))
}
