/** What is in deploy/: it parses, calls the program as it is, and fits Kubernetes' schemas. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { parseArguments } from '../../src/cli/arguments.js'
import { COMMANDS } from '../../src/cli.js'

const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url))
const MANIFESTS = readdirSync(join(DEPLOY, 'kubernetes')).filter((name) => name.endsWith('.yaml'))

// biome-ignore lint/suspicious/noExplicitAny: documents of others' making
type Any = any

const documents: Any[] = MANIFESTS.flatMap((name) =>
  parseAllDocuments(readFileSync(join(DEPLOY, 'kubernetes', name), 'utf8')).map((document) => {
    expect(document.errors, name).toEqual([])
    return document.toJS()
  }),
)
const compose: Any = parse(readFileSync(join(DEPLOY, 'compose.yaml'), 'utf8'), { merge: true })
const containers: Any[] = documents.flatMap((one) => one.spec?.template?.spec?.containers ?? [])

/** Options that a command line gives to `sider`. */
function optionsOf([name, ...args]: string[]) {
  const command = COMMANDS.find((one) => one.name === name)
  expect(command, name).toBeDefined()
  return parseArguments(command!, args).options
}

describe('the compose file', () => {
  test('has a queue, a storage, a server and two workers, and calls `sider` as it can be called', () => {
    expect(Object.keys(compose.services)).toEqual(['queue', 'storage', 'bucket', 'serve', 'worker-1', 'worker-2'])
    for (const name of ['serve', 'worker-1', 'worker-2']) {
      const { command, stop_grace_period, depends_on } = compose.services[name]
      const options = optionsOf(command)
      expect(options.text('queue')).toBe('redis://queue:6379')
      expect(options.text('storage')).toBe('s3://sider/jobs')
      expect(options.text('metrics')).toBe('0.0.0.0:9464')
      expect(Number.parseInt(stop_grace_period, 10)).toBeGreaterThan(20)
      expect(Object.keys(depends_on)).toEqual(['queue', 'bucket'])
    }
    expect(compose.services.queue.command.join(' ')).toMatch(/--appendonly yes .*--maxmemory-policy noeviction/)
  })

  test('has no secret in a command line', () => {
    for (const { command = [], entrypoint = [] } of Object.values<Any>(compose.services))
      expect([...command, ...entrypoint].join(' ')).not.toMatch(
        /[^$]\$\{?(SIDER_TOKENS|SIDER_QUEUE_PASSWORD|SIDER_STORAGE)/,
      )
  })
})

describe('the Kubernetes manifests', () => {
  test('call `sider` as it can be called, are drained, and are looked after', () => {
    const ours = containers.filter(({ image }) => image === 'sider')
    expect(ours.map(({ name }) => name)).toEqual(['serve', 'worker'])
    for (const { args, readinessProbe, livenessProbe } of ours) {
      expect(optionsOf(args).text('metrics')).toBe('0.0.0.0:9464')
      expect(readinessProbe.httpGet.path).toBe('/healthz')
      expect(livenessProbe.httpGet.path).toBe('/livez')
    }
    const known = documents.find(({ kind }) => kind === 'ConfigMap').data
    const used = ours.flatMap(({ args }) => args.join(' ').match(/(?<=\$\()\w+/g) ?? [])
    expect(used.filter((name: string) => !(name in known))).toEqual([])
    for (const { spec } of documents.filter(({ kind }) => kind === 'Deployment'))
      expect(spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(20)
  })

  test('hang together: files that are listed, a deployment that is scaled, secrets that the readme makes', () => {
    const { resources } = documents.find(({ kind }) => kind === 'Kustomization')
    expect(resources.filter((name: string) => !MANIFESTS.includes(name))).toEqual([])
    for (const { spec } of documents.filter(({ kind }) => /ScaledObject|Autoscaler/.test(kind)))
      expect(spec.scaleTargetRef.name).toBe('worker')
    const readme = readFileSync(join(DEPLOY, 'README.md'), 'utf8')
    const secrets = JSON.stringify(documents).match(/(?<="secretRef":\{"name":"|"secretName":")[\w-]+/g)!
    for (const name of secrets) expect(readme, name).toMatch(new RegExp(`create secret \\w+ ${name}\\b`))
  })

  const validator = [
    'python3',
    fileURLToPath(new URL('../../.cache/kubernetes-validate/bin/python', import.meta.url)),
  ].find((python) => spawnSync(python, ['-c', 'import kubernetes_validate']).status === 0)
  test.skipIf(!validator)('fit the schemas of Kubernetes (skipped without kubernetes-validate of PyPI)', () => {
    const others = /keda\.sh|kustomize/ // kinds that are not Kubernetes' own
    const own = documents.filter(({ apiVersion }) => !others.test(apiVersion))
    expect(own.length).toBeGreaterThan(7)
    const program = `import json, sys, kubernetes_validate
for one in json.load(sys.stdin): kubernetes_validate.validate(one, '1.31', strict=True)`
    const { status, stderr } = spawnSync(validator!, ['-c', program], { input: JSON.stringify(own), encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})

test('the image is made of the release file and of the packages that several machines need', () => {
  const { peerDependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const text = readFileSync(join(DEPLOY, 'Containerfile'), 'utf8')
  for (const name of ['bullmq', 'ioredis', '@aws-sdk/client-s3'])
    expect(text).toContain(`${name}@${peerDependencies[name]}`)
  expect(existsSync(join(DEPLOY, 'grafana/sider.json'))).toBe(true)
})
