// As much of Redis' protocol as this example needs, so that there is nothing to install.
import net from 'node:net';

/** Sends one command to the server of REDIS_URL and gives its answer. */
export function redis(...words) {
  const { hostname, port } = new URL(process.env.REDIS_URL ?? 'redis://localhost:6379');
  const command = words.map(String).map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port) || 6379, hostname);
    socket.setEncoding('utf8');
    socket.once('error', reject);
    socket.once('data', (answer) => {
      socket.end();
      const text = answer.trimEnd();
      if (text.startsWith('-')) reject(new Error(text.slice(1)));
      else resolve(text.slice(1));
    });
    socket.write(`*${words.length}\r\n${command.join('')}`);
  });
}
