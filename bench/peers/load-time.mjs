const start = performance.now();
if (process.argv[2] === 'binding') (await import('../../dist/binding.js')).loadBinding();
else await import('../../dist/index.js');
console.log(JSON.stringify({ load: performance.now() - start }));
