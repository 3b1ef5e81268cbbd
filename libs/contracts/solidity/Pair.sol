// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

/// Constant-product market between two tokens: x * y does not fall; 0.3 % of what comes in stays with the reserves.
/// Both reserves and the time of the last change share one word, slot 2, which every swap reads and writes.
contract Pair {
    event Swap(address indexed sender, address indexed tokenIn, uint256 amountIn, uint256 amountOut, address indexed to);
    event Liquidity(address indexed provider, uint256 reserve0, uint256 reserve1, uint256 shares);

    error UnknownToken(address token);
    error ZeroAmount();
    error Slippage(uint256 amountOut, uint256 minimum);
    error TransferFailed(address token);
    error ReserveOverflow();

    uint256 private constant FEE_PER_MILLE = 3;

    address public token0;
    address public token1;
    uint112 public reserve0;
    uint112 public reserve1;
    uint32 public changedAt;
    uint256 public totalShares;
    mapping(address => uint256) public sharesOf;

    constructor(address first, address second) {
        token0 = first;
        token1 = second;
    }

    /// What a swap of `amountIn` would give now.
    function quote(address tokenIn, uint256 amountIn) external view returns (uint256) {
        bool isZero = sideOf(tokenIn);
        return isZero ? output(amountIn, reserve0, reserve1) : output(amountIn, reserve1, reserve0);
    }

    /// Takes `amountIn` of `tokenIn` from the caller (by allowance) and sends the other token to `to`.
    function swapExactIn(address tokenIn, uint256 amountIn, uint256 minimumOut, address to) external returns (uint256 amountOut) {
        if (amountIn == 0) revert ZeroAmount();
        bool isZero = sideOf(tokenIn);
        (uint256 before0, uint256 before1) = (reserve0, reserve1);
        amountOut = isZero ? output(amountIn, before0, before1) : output(amountIn, before1, before0);
        if (amountOut < minimumOut) revert Slippage(amountOut, minimumOut);
        // Reserves change before any call leaves this contract, so that a re-entered swap sees them.
        if (isZero) store(before0 + amountIn, before1 - amountOut);
        else store(before0 - amountOut, before1 + amountIn);
        pull(tokenIn, amountIn);
        push(isZero ? token1 : token0, to, amountOut);
        emit Swap(msg.sender, tokenIn, amountIn, amountOut, to);
    }

    /// Adds both tokens; the smaller of the two proportions decides the shares. The first provider's shares are amount0.
    function addLiquidity(uint256 amount0, uint256 amount1) external returns (uint256 shares) {
        if (amount0 == 0 || amount1 == 0) revert ZeroAmount();
        uint256 total = totalShares;
        (uint256 before0, uint256 before1) = (reserve0, reserve1);
        if (total == 0) {
            shares = amount0;
        } else {
            uint256 by0 = (amount0 * total) / before0;
            uint256 by1 = (amount1 * total) / before1;
            shares = by0 < by1 ? by0 : by1;
        }
        totalShares = total + shares;
        sharesOf[msg.sender] += shares;
        store(before0 + amount0, before1 + amount1);
        pull(token0, amount0);
        pull(token1, amount1);
        emit Liquidity(msg.sender, reserve0, reserve1, totalShares);
    }

    function removeLiquidity(uint256 shares) external returns (uint256 amount0, uint256 amount1) {
        if (shares == 0) revert ZeroAmount();
        uint256 total = totalShares;
        sharesOf[msg.sender] -= shares;
        totalShares = total - shares;
        (uint256 before0, uint256 before1) = (reserve0, reserve1);
        amount0 = (before0 * shares) / total;
        amount1 = (before1 * shares) / total;
        store(before0 - amount0, before1 - amount1);
        push(token0, msg.sender, amount0);
        push(token1, msg.sender, amount1);
        emit Liquidity(msg.sender, reserve0, reserve1, totalShares);
    }

    function sideOf(address token) private view returns (bool isZero) {
        isZero = token == token0;
        if (!isZero && token != token1) revert UnknownToken(token);
    }

    /// From (x + a * (1 - fee)) * (y - out) = x * y, rounded down: in favour of the reserves.
    function output(uint256 amountIn, uint256 reserveIn, uint256 reserveOut) private pure returns (uint256) {
        uint256 afterFee = amountIn * (1000 - FEE_PER_MILLE);
        return (afterFee * reserveOut) / (reserveIn * 1000 + afterFee);
    }

    function store(uint256 next0, uint256 next1) private {
        if (next0 > type(uint112).max || next1 > type(uint112).max) revert ReserveOverflow();
        reserve0 = uint112(next0);
        reserve1 = uint112(next1);
        changedAt = uint32(block.timestamp);
    }

    function pull(address token, uint256 value) private {
        if (!IToken(token).transferFrom(msg.sender, address(this), value)) revert TransferFailed(token);
    }

    function push(address token, address to, uint256 value) private {
        if (!IToken(token).transfer(to, value)) revert TransferFailed(token);
    }
}
