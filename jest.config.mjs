// ES modules straight from TypeScript sources; run through libs/setup/src/test.mjs, which passes the flag that jest needs for that.
export default {
  testEnvironment: "node",
  testMatch: ["<rootDir>/{libs,services}/*/test/**/*.test.ts", "<rootDir>/{test-e2e,examples}/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { parser: { syntax: "typescript" }, target: "es2024" }, module: { type: "es6" } },
    ],
  },
  setupFilesAfterEnv: ["<rootDir>/libs/setup/src/property-seed.mjs"],
  modulePathIgnorePatterns: ["<rootDir>/.fixtures", "/build/"],
  testTimeout: 60_000,
  maxWorkers: 2,
  // A handle that a test forgot must not keep a finished run alive.
  forceExit: true,
};
