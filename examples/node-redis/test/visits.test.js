import assert from 'node:assert/strict';
import { test } from 'node:test';
import { greeting } from '../src/greeting.js';
import { redis } from '../src/redis.js';

test('a visitor is greeted by number', () => {
  assert.equal(greeting(3), 'Hello, visitor 3\n');
});

test('the counter counts', async () => {
  const before = Number(await redis('INCR', 'test:visits'));
  assert.equal(Number(await redis('INCR', 'test:visits')), before + 1);
});
