#!/usr/bin/env node
console.error("portcullis: the programs come with the next commits");
process.exitCode = 2;
