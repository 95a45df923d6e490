import js from '@eslint/js'
import tseslint from 'typescript-eslint'

const jsonParse = {
  object: 'JSON',
  property: 'parse',
  message: 'Read JSON by lib/parseJson.ts, which mistakes no name.',
}

/** A global, or one member of it, that lib/ports.ts takes the place of. */
function askPorts(name, property) {
  const message = 'Take time, waiting and random bytes from the ports.'
  return property === undefined ? { name, message } : { object: name, property, message }
}

export default tseslint.config(
  // Folders with a dot are made by tools. The examples have globals of their own; each is run as it is.
  { ignores: ['node_modules/', 'test/vectors/', 'examples/', 'lib/iam/policyParser.js', '.*/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'max-lines': ['error', 300],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { varsIgnorePattern: '^_', argsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/only-throw-error': 'error',
    },
  },
  {
    // lib/parseJson.ts says why.
    files: ['lib/**/*.ts', 'handlers/**/*.ts', 'local/**/*.ts'],
    rules: { 'no-restricted-properties': ['error', jsonParse] },
  },
  { files: ['lib/parseJson.ts', 'local/version.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    // Time, randomness and waiting come from ports, so that the simulation replays a schedule exactly.
    files: ['lib/{kms,replication,iam,http}/**/*.ts', 'handlers/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'setImmediate', 'performance', 'crypto'].map((name) => askPorts(name)),
      ],
      'no-restricted-properties': [
        'error',
        jsonParse,
        askPorts('Date', 'now'),
        askPorts('Math', 'random'),
        askPorts('process', 'hrtime'),
        askPorts('process', 'uptime'),
        askPorts('AbortSignal', 'timeout'),
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Ask the clock of the ports.' },
        { selector: "CallExpression[callee.name='Date']", message: 'Ask the clock of the ports.' },
        {
          selector: "MemberExpression[object.name='globalThis'][property.name=/^(set|performance|crypto|Date|Math)/]",
          message: 'Call globals by their names.',
        },
        {
          selector:
            "ImportDeclaration[source.value='node:crypto'] > ImportSpecifier[imported.name=/^(random|generate)/]",
          message: 'Take random bytes from the ports.',
        },
        {
          selector: "ImportDeclaration[source.value='node:crypto'] > :not(ImportSpecifier, Literal)",
          message: 'Import by name what is needed.',
        },
        {
          selector: 'ImportDeclaration[source.value=/timers|perf_hooks/]',
          message: 'Wait by the timers of the ports, and ask their clock.',
        },
      ],
    },
  },
  {
    files: ['**/*.js', '**/*.cjs', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly' } },
  },
)
