// What a program in CommonJS does with it, members that it replaces included.
const process = require('node:process');
const net = require('@kwik/socket');

const { connect } = net;
net.connect = (...args) => {
  process.stdout.write('replaced ');
  return connect(...args);
};
const server = net.createServer((socket) => socket.end('hello'));
server.listen(0, () => {
  require('@kwik/socket')
    .connect(server.address().port)
    .on('data', (chunk) => process.stdout.write(chunk))
    .on('close', () => server.close());
});
