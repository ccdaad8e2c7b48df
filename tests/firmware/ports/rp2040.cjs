// Plays a Raspberry Pi Pico: programs a UF2 file into rp2040js (npm, MIT), starts at the second stage of the boot as the
// ROM would, and joins UART 0 to stdin and stdout; with `tcp` as second argument to the connection that a TCP port takes,
// which stdout names. stderr gets one line of JSON at the end of input: the clocks.
const fs = require('fs');
const net = require('net');
const { Simulator } = require('rp2040js');

const FLASH = 0x10000000;
const simulator = new Simulator();
const mcu = simulator.rp2040;
const file = fs.readFileSync(process.argv[2]);
for (let at = 0; at < file.length; at += 512) {
  const word = (offset) => file.readUInt32LE(at + offset);
  if (word(0) !== 0x0a324655 || word(4) !== 0x9e5d5157 || word(508) !== 0x0ab16f30 || word(28) !== 0xe48bff56) {
    throw new Error(`block at ${at} is no UF2 for RP2040`);
  }
  mcu.flash.set(file.subarray(at + 32, at + 32 + word(16)), word(12) - FLASH);
}
mcu.core.VTOR = 0;
mcu.core.PC = FLASH;

const waiting = [];
let ended = false;
function join(input, output) {
  mcu.uart[0].onByte = (byte) => output.write(Buffer.from([byte]));
  input.on('data', (bytes) => waiting.push(...bytes));
  input.on('end', () => (ended = true));
}
if (process.argv[3] === 'tcp') {
  const server = net.createServer((socket) => join(socket.setNoDelay(), socket));
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
} else {
  join(process.stdin, process.stdout);
}

const CYCLES_A_BYTE = 12000; // more than ten bits at 115200 baud and 133 MHz
let idle = 0;
function run() {
  for (let step = 0; step < 200; step++) {
    for (let cycles = 0; cycles < CYCLES_A_BYTE; ) {
      const passed = mcu.core.waiting ? 100 : mcu.core.executeInstruction();
      simulator.clock.tick((passed * 1e9) / mcu.clkSys);
      cycles += passed;
    }
    if (waiting.length > 0) {
      mcu.uart[0].feedByte(waiting.shift());
      idle = 0;
    } else if (ended && ++idle > 4000) {
      process.stderr.write(JSON.stringify({ clk_sys: mcu.clkSys, clk_peri: mcu.clkPeri, baud: mcu.uart[0].baudRate }));
      process.exit(0);
    }
  }
  setImmediate(run);
}
run();
