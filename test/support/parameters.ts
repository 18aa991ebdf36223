/** Functions of the sources with many parameters, found by TypeScript's own parser. */
import { join, relative } from 'node:path'
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast'
import { isFunctionLikeDeclaration } from 'typescript/unstable/ast/is'
import { API } from 'typescript/unstable/sync'

/** 'src/engine/head/fit.ts fitHead 7' of each function with at least `least` parameters, those without a name included. */
export function functionsWithParameters(root: string, least: number): { file: string; name: string; count: number }[] {
  const api = new API({ cwd: root })
  try {
    const config = join(root, 'tsconfig.json')
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)
    if (!project) throw new Error(`${config} cannot be opened`)
    const { program } = project
    return program
      .getSourceFileNames()
      .filter((name) => name.startsWith(join(root, 'src')))
      .flatMap((name) => {
        const file = relative(root, name).replaceAll('\\', '/')
        return functionsOf(program.getSourceFile(name)!).flatMap((node) => {
          const { parameters } = node as Node & { parameters: readonly unknown[] }
          return parameters.length < least ? [] : [{ file, name: nameOf(node), count: parameters.length }]
        })
      })
  } finally {
    api.close()
  }
}

function functionsOf(source: SourceFile): Node[] {
  const found: Node[] = []
  const visit = (node: Node): void => {
    if (isFunctionLikeDeclaration(node)) found.push(node)
    node.forEachChild(visit)
  }
  source.forEachChild(visit)
  return found
}

/** Its own name, or that of what it is given to; 'constructor' for those of classes, with the class's name. */
function nameOf(node: Node): string {
  const named = (one: Node): string | undefined => (one as { name?: { text?: string } }).name?.text
  if (node.kind === SyntaxKind.Constructor) return `${named(node.parent)}.constructor`
  return named(node) ?? named(node.parent) ?? 'a function without a name'
}
