// What is a fault in JavaScript, and nothing about looks. tools/lint.sh runs it.
import js from "@eslint/js";
import globals from "globals";

const scripts = ["engine/console/theme.js"];
const commonjs = ["tests/compat/js/**/*.js", "tests/e2e/*.js"];

export default [
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    languageOptions: { ecmaVersion: 2024, sourceType: "module" },
    rules: {
      "array-callback-return": "error",
      "eqeqeq": "error",
      "no-constructor-return": "error",
      "no-implicit-globals": "error",
      "no-implied-eval": "error",
      "no-self-compare": "error",
      "no-shadow": "error",
      "no-template-curly-in-string": "error",
      "no-unmodified-loop-condition": "error",
      "no-unreachable-loop": "error",
      "no-unused-expressions": "error",
      "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
      "no-var": "error",
      "prefer-const": "error",
      "require-atomic-updates": "error",
    },
  },
  { files: ["engine/console/**", "tools/examples/**"], languageOptions: { globals: globals.browser } },
  // Only what browsers and Node both have.
  { files: ["tools/sdk/js/**"], languageOptions: { globals: globals["shared-node-browser"] } },
  { files: ["tests/**"], languageOptions: { globals: globals.nodeBuiltin } },
  { files: scripts, languageOptions: { sourceType: "script" } },
  { files: commonjs, languageOptions: { sourceType: "commonjs", globals: globals.node } },
];
