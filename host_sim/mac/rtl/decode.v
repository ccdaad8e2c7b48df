// A 4-bit weight as a sign and five digits: |w| = d[0] + 2 d[1] + 4 d[2] + 8 d[3] + 16 d[4].
// Digits 3 and 4 stand alone, whatever the format: 8 and 16 need no other digit. So no multiplier below ever adds more
// than three rows, and digits 2, 3 and 4 share one.

// Magnitude of the low three bits of a two's complement number.
module magnitude3 (
    input  wire [3:0] w,
    output wire [2:0] m
);
    assign m[0] = w[0];
    assign m[1] = w[1] ^ (w[3] & w[0]);
    assign m[2] = w[2] ^ (w[3] & (w[1] | w[0]));
endmodule

// posit<4,0> in quarters: magnitudes 0 1 2 3 4 6 8 16. NaR (1000) gives 0, as in the tables of the C kernels.
module decode_p4 (
    input  wire [3:0] w,
    output wire       sign,
    output wire [4:0] d
);
    wire [2:0] m;
    magnitude3 magnitude (.w(w), .m(m));
    assign sign = w[3];
    assign d[0] = m[0] & ~m[2];                                      // 1, 3
    assign d[1] = (m[1] & ~m[2]) | (m[2] & ~m[1] & m[0]);            // 2, 3, 6
    assign d[2] = m[2] & ~m[1];                                      // 4, 6
    assign d[3] = m[2] & m[1] & ~m[0];                               // 8
    assign d[4] = m[2] & m[1] & m[0];                                // 16
endmodule

// Either: posit = 1 reads w as Posit4, posit = 0 as FixP4.
module decode_mixed4 (
    input  wire [3:0] w,
    input  wire       posit,
    output wire       sign,
    output wire [4:0] d
);
    wire [2:0] m;
    magnitude3 magnitude (.w(w), .m(m));
    assign sign = w[3];
    assign d[0] = m[0] & ~(posit & m[2]);
    assign d[1] = posit ? (m[1] & ~m[2]) | (m[2] & ~m[1] & m[0]) : m[1];
    assign d[2] = m[2] & ~(posit & m[1]);
    assign d[3] = posit ? m[2] & m[1] & ~m[0] : w[3] & ~(w[2] | w[1] | w[0]);
    assign d[4] = posit & m[2] & m[1] & m[0];
endmodule
