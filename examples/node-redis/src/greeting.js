export const greeting = (visits) => `Hello, visitor ${visits}\n`;
