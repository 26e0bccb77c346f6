import { execFile } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const HERE = dirname(fileURLToPath(import.meta.url));
const PROTO = join(HERE, '..', '..', 'proto');
/** Where Debian's packages put the sources of Go's libraries. */
const DEBIAN_GO = '/usr/share/gocode';
const IMPORT_PATH = 'kwik.example/interop';
const MESSAGES = ['common', 'control', 'data'].map((name) => `kwik/v1/${name}.proto`);
/** The first build compiles quic-go, on a machine that may do much else. */
export const BUILD_TIMEOUT_MS = 300_000;

/**
 * Builds the client in Go from its sources and from `proto/`, with what Debian has: no module is fetched, and no
 * generated code is kept. Resolves with the program's path.
 *
 * @param go The go command.
 * @param folder An empty folder to build in.
 */
export async function buildClient(go: string, folder: string): Promise<string> {
  const sources = join(folder, 'src', IMPORT_PATH);
  await mkdir(join(sources, 'kwikv1'), { recursive: true });
  await cp(join(HERE, 'client'), join(sources, 'client'), { recursive: true });
  // By path, not by modules: those would be fetched.
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: `${folder}:${DEBIAN_GO}`, CGO_ENABLED: '0' };
  const options = { env, cwd: folder, timeout: BUILD_TIMEOUT_MS };
  const plugin = join(folder, 'protoc-gen-go');
  await run(go, ['build', '-o', plugin, 'google.golang.org/protobuf/cmd/protoc-gen-go'], options);
  await writeFile(join(folder, 'buf.gen.yaml'), template(plugin, join(sources, 'kwikv1')));
  const buf = createRequire(import.meta.url).resolve('@bufbuild/buf/bin/buf');
  await run(process.execPath, [buf, 'generate', PROTO, '--template', join(folder, 'buf.gen.yaml')], options);
  const program = join(folder, 'interop-client');
  await run(go, ['build', '-o', program, `${IMPORT_PATH}/client`], options);
  return program;
}

function template(plugin: string, out: string): string {
  const target = `${IMPORT_PATH}/kwikv1`;
  const mapping = MESSAGES.map((file) => `      - M${file}=${target}`).join('\n');
  return `version: v2
plugins:
  - local: ${plugin}
    out: ${out}
    opt:
      - module=${target}
${mapping}
`;
}
