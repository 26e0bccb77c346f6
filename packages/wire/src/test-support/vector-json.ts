/**
 * Decoded messages as JSON, for the golden vectors: `{ "uint64": "5" }` is a bigint, `{ "hex": "cafe" }` bytes,
 * `{ "map": [["key", "value"]] }` a map. Everything else is itself; absent fields are left out.
 */

export type VectorJson =
  | null
  | boolean
  | number
  | string
  | readonly VectorJson[]
  | { readonly [key: string]: VectorJson };

export function toVectorJson(value: unknown): VectorJson {
  if (typeof value === 'bigint') return { uint64: value.toString() };
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString('hex') };
  if (value instanceof Map) return { map: [...value].map(toVectorJson) };
  if (Array.isArray(value)) return value.map(toVectorJson);
  if (typeof value !== 'object' || value === null) return value as VectorJson;
  const present = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(present.map(([key, field]) => [key, toVectorJson(field)]));
}

export function fromVectorJson(json: VectorJson): unknown {
  if (Array.isArray(json)) return json.map(fromVectorJson);
  if (typeof json !== 'object' || json === null) return json;
  const fields = json as { readonly [key: string]: VectorJson };
  if (typeof fields['uint64'] === 'string') return BigInt(fields['uint64']);
  if (typeof fields['hex'] === 'string') return new Uint8Array(Buffer.from(fields['hex'], 'hex'));
  if (Array.isArray(fields['map'])) return new Map(fields['map'] as [string, string][]);
  return Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, fromVectorJson(field)]));
}
