/** Most tests are over before code that V8 optimises early has paid for that. Newer versions of Node do not know the option. */
export const LESS_OPTIMISED: readonly string[] = process.versions.node.startsWith('20.') ? ['--interrupt-budget=600000'] : [];
