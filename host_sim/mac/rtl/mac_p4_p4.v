// Posit4 weight, Posit4 activation, exact fixed-point accumulator (a quire) in sixteenths: what fully posit arithmetic
// needs at least. A posit accumulator would add alignment, rounding and encoding to it.
module mac_p4_p4 #(
    parameter ACC_BITS = 24,
    parameter CHAIN    = 1
) (
    input  wire                clk,
    input  wire                start,
    input  wire [3:0]          w,
    input  wire [3:0]          x,
    output wire [ACC_BITS-1:0] acc
);
    wire       w_sign;
    wire       x_sign;
    wire [4:0] w_digits;
    wire [4:0] x_magnitude;
    wire [9:0] p;
    decode_p4 decode_w (.w(w), .sign(w_sign), .d(w_digits));
    decode_p4 decode_x (.w(x), .sign(x_sign), .d(x_magnitude));
    multiply_posit #(.X_BITS(5), .X_SIGNED(0)) multiply (.x(x_magnitude), .d(w_digits), .p(p));
    accumulator #(.N(10), .ACC_BITS(ACC_BITS), .CHAIN(CHAIN)) accumulate (
        .clk(clk), .start(start), .p(p), .negate((w_sign ^ x_sign) & |x[2:0]), .acc(acc)
    );
endmodule
