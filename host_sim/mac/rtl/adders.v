// Adders that every unit is made of. They ripple: the smallest adder, and a microcontroller's clock leaves it time.
// Synthesis maps full_adder to a cell, or to less where an input is constant.

module full_adder (
    input  wire a,
    input  wire b,
    input  wire ci,
    output wire s,
    output wire co
);
    assign s  = a ^ b ^ ci;
    assign co = (a & b) | (ci & (a | b));
endmodule

// {co, s} = a + b + ci; without CARRY, co is 0 and the last bit needs no full adder.
module ripple_adder #(
    parameter N     = 4,
    parameter CARRY = 1
) (
    input  wire [N-1:0] a,
    input  wire [N-1:0] b,
    input  wire         ci,
    output wire [N-1:0] s,
    output wire         co
);
    wire [N:0] c;
    assign c[0] = ci;
    assign co   = c[N];
    genvar i;
    generate
        for (i = 0; i < N; i = i + 1) begin : bits
            if (i < N - 1 || CARRY) begin : full
                full_adder fa (.a(a[i]), .b(b[i]), .ci(c[i]), .s(s[i]), .co(c[i+1]));
            end else begin : last
                assign s[i]   = a[i] ^ b[i] ^ c[i];
                assign c[i+1] = 1'b0;
            end
        end
    endgenerate
endmodule
