/**
 * An eslint-disable comment says why: `// eslint-disable-next-line rule -- reason`.
 *
 * @type {import('eslint').Rule.RuleModule}
 */
export const describedDisable = {
  meta: { type: 'suggestion', messages: { reason: 'Say why: `{{directive}} rule -- reason`.' } },
  create: (context) => ({
    Program() {
      for (const comment of context.sourceCode.getAllComments()) {
        const directive = /^\s*(eslint-disable\S*)/.exec(comment.value)?.[1];
        if (directive !== undefined && !/\s--\s+\S/.test(comment.value) && comment.loc) {
          context.report({ loc: comment.loc, messageId: 'reason', data: { directive } });
        }
      }
    },
  }),
};
