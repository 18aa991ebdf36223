/** `npm test`: every check, in a fresh clone too. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, helpIfAsked, install, ROOT } from './setup.mjs'

helpIfAsked(`Every check, by one command: set-up, lint and format, types, tests. The last line counts them; lint and types count as one check each.

Usage: npm test -- [file]...

  file   test files that are run, with all other checks (default all); options are those of vitest

Example: npm test -- test/engine/config.test.ts
`)
install()
build()

const counts = { passed: 0, failed: 0, skipped: 0 }
check('Lint and format', '@biomejs/biome/bin/biome', ['check', '--error-on-warnings'])
check('Types', 'typescript/bin/tsc', ['-p', 'tsconfig.check.json'])
test(process.argv.slice(2))
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 ? 1 : 0

function check(name, program, args) {
  const passed = node(program, args) === 0
  counts[passed ? 'passed' : 'failed']++
  console.log(`${name}: ${passed ? 'passed' : 'FAILED'}`)
}

/** Runs vitest and counts by its JSON report: a file that cannot even be loaded counts as one failure. */
function test(args) {
  const folder = mkdtempSync(join(tmpdir(), 'sider-test-'))
  const file = join(folder, 'report.json')
  const status = node('vitest/vitest.mjs', [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...args,
  ])
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'))
    counts.passed += report.numPassedTests
    counts.failed += report.numFailedTests
    counts.skipped += report.numPendingTests + report.numTodoTests
    counts.failed += report.testResults.filter(
      (one) => one.status === 'failed' && one.assertionResults.length === 0,
    ).length
  } catch {
    console.error('vitest wrote no report')
  }
  if (status !== 0 && counts.failed === 0) counts.failed = 1 // a crash between the tests
  rmSync(folder, { recursive: true, force: true })
}

function node(program, args) {
  return spawnSync(process.execPath, [join(ROOT, 'node_modules', program), ...args], { cwd: ROOT, stdio: 'inherit' })
    .status
}
