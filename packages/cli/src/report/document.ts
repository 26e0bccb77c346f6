/** A piece of a report, before it becomes Markdown or HTML. All texts are plain: whoever renders them escapes them. */
export type Block =
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'paragraph'; readonly text: string }
  /** `missing`: evidence that is not there; `bad`: something that is not as it should be. */
  | { readonly kind: 'notice'; readonly tone: 'good' | 'missing' | 'bad'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'table'; readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] };

export interface Document {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export const heading = (text: string): Block => ({ kind: 'heading', text });
export const paragraph = (text: string): Block => ({ kind: 'paragraph', text });
export const good = (text: string): Block => ({ kind: 'notice', tone: 'good', text });
export const missing = (text: string): Block => ({ kind: 'notice', tone: 'missing', text });
export const bad = (text: string): Block => ({ kind: 'notice', tone: 'bad', text });
export const list = (items: readonly string[]): Block => ({ kind: 'list', items });
export const table = (columns: readonly string[], rows: readonly (readonly string[])[]): Block => ({
  kind: 'table',
  columns,
  rows,
});
