import http from 'node:http';
import { greeting } from './greeting.js';
import { redis } from './redis.js';

const server = http.createServer(async (request, response) => {
  if (request.url !== '/') {
    response.writeHead(404).end('not here\n');
    return;
  }
  try {
    response.end(greeting(await redis('INCR', 'visits')));
  } catch (error) {
    console.error(`redis: ${error.message}`);
    response.writeHead(503).end('the counter is away\n');
  }
});

// Without Redis there is nothing to count with: say so at once, not at the first request.
await redis('PING');
server.listen(3000, () => console.log('listening on port 3000'));
