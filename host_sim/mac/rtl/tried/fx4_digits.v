// FixP4 as sign and magnitude, through the digits of decode.v: a row of adders less than mac_fx4, a negation more.

// FixP4, two's complement: 0 .. 7 and, with the sign, 8.
module decode_fx4 (
    input  wire [3:0] w,
    output wire       sign,
    output wire [4:0] d
);
    wire [2:0] m;
    magnitude3 magnitude (.w(w), .m(m));
    assign sign   = w[3];
    assign d[2:0] = m;
    assign d[3]   = w[3] & ~(w[2] | w[1] | w[0]);
    assign d[4]   = 1'b0;
endmodule


module fx4_digits #(
    parameter X_BITS   = 4,
    parameter X_SIGNED = 0,
    parameter ACC_BITS = 24,
    parameter CHAIN    = 1
) (
    input  wire                clk,
    input  wire                start,
    input  wire [3:0]          w,
    input  wire [X_BITS-1:0]   x,
    output wire [ACC_BITS-1:0] acc
);
    wire              sign;
    wire [4:0]        d;
    wire [X_BITS+3:0] p;
    decode_fx4 decode (.w(w), .sign(sign), .d(d));
    multiply_digits #(.X_BITS(X_BITS), .X_SIGNED(X_SIGNED), .P_BITS(X_BITS + 4)) multiply (.x(x), .d(d), .p(p));
    accumulator #(.N(X_BITS + 4), .ACC_BITS(ACC_BITS), .CHAIN(CHAIN)) accumulate (
        .clk(clk), .start(start), .p(p), .negate(sign & |x), .acc(acc)
    );
endmodule
